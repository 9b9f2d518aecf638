/**
 * Many grants of one organisation, arranged so that a call is compared with the few that could cover it: by integration and action,
 * then by what each pins to one value (its scope, an argument), that first which fewest others share. More than 10⁶ decisions a second
 * over 10,000 grants (`npm run bench -- --only policy`); the answers are those of `matchingGrants`.
 */

import { type Grant, isLive, matchedGrant, narrowestFirst } from "../grants.ts"
import { type Constraint, fitsValue, keysOf, valueAt } from "../policy/constraints.ts"
import type { CallContext, MatchedGrant } from "../policy.ts"

/** What of a call is asked for. */
interface Place {
  /** Null: it is an argument. */
  readonly scope: Grant["scope"]["type"] | null
  readonly keys: ReadonlyArray<string>
}

/** Said by a grant: at this place of a call there is this value. */
interface Pin {
  readonly name: string
  readonly place: Place
  readonly value: unknown
}

/** A grant on its way through the tree: what is not known of a call yet that has come so far. */
interface Candidate {
  readonly rank: number
  readonly grant: Grant
  readonly pins: ReadonlyArray<Pin>
  readonly others: ReadonlyArray<Check>
}

interface Check {
  readonly keys: ReadonlyArray<string>
  readonly op: Constraint["op"]
  readonly value: unknown
}

/** A candidate as a call is compared with it: flat, for most of what a decision costs is reading memory that nobody read lately. */
interface Leaf {
  readonly rank: number
  readonly expiresAtMs: number
  /** Lent, and neither revoked nor spent. */
  readonly isUsable: boolean
  /** Null: known, or not asked for. */
  readonly scope: Grant["scope"]["type"] | null
  readonly scopeId: string
  readonly keys: ReadonlyArray<string> | null
  readonly op: Constraint["op"]
  readonly value: unknown
  readonly moreChecks: ReadonlyArray<Check> | null
  /** Told of each call that it covers and nothing else does. */
  readonly alone: ReadonlyArray<MatchedGrant>
}

interface Node {
  readonly leaves: ReadonlyArray<Leaf>
  readonly branches: ReadonlyArray<Branch>
}

interface Branch {
  readonly place: Place
  readonly leaves: ReadonlyMap<unknown, Leaf>
  readonly nodes: ReadonlyMap<unknown, Node>
}

/** So few are compared one by one. */
const leavesMax = 2

const isScalar = (value: unknown): boolean => typeof value === "string" || typeof value === "number" || typeof value === "boolean"

const grown = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

const candidateOf = (grant: Grant, rank: number): Candidate => {
  const { scope, constraints } = grant
  const isPin = ({ op, value }: Constraint) => op === "equals" && isScalar(value)
  return {
    rank,
    grant,
    pins: [
      ...constraints.filter(isPin).map(({ path, value }): Pin => {
        return { name: `argument ${path}`, place: { scope: null, keys: keysOf(path) }, value }
      }),
      { name: `scope ${scope.type}`, place: { scope: scope.type, keys: [] }, value: scope.id }
    ],
    others: constraints
      .filter((constraint) => !isPin(constraint))
      .map(({ path, op, value }) => ({ keys: keysOf(path), op, value }))
  }
}

const leafOf = ({ rank, grant, pins, others }: Candidate): Leaf => {
  const pinned = pins.filter(({ place }) => place.scope === null)
  const checks: ReadonlyArray<Check> = [
    ...others,
    ...pinned.map(({ place, value }): Check => ({ keys: place.keys, op: "equals", value }))
  ]
  const [first = { keys: null, op: "equals" as const, value: null }, ...more] = checks
  return {
    rank,
    expiresAtMs: grant.expiresAtMs,
    isUsable: isLive(grant, Number.NEGATIVE_INFINITY),
    scope: pinned.length < pins.length ? grant.scope.type : null,
    scopeId: grant.scope.id,
    ...first,
    moreChecks: more.length === 0 ? null : more,
    alone: [matchedGrant(grant)]
  }
}

const treeOf = (candidates: ReadonlyArray<Candidate>): Node => {
  if (candidates.length <= leavesMax) return { leaves: candidates.map(leafOf), branches: [] }
  const counts = new Map<string, Map<unknown, number>>()
  for (const { pins } of candidates)
    for (const { name, value } of pins) {
      const values = grown(counts, name, () => new Map<unknown, number>())
      values.set(value, (values.get(value) ?? 0) + 1)
    }
  const sharedBy = ({ name, value }: Pin): number => counts.get(name)!.get(value)!
  const leaves: Array<Leaf> = []
  const branches = new Map<string, { readonly place: Place; readonly byValue: Map<unknown, Array<Candidate>> }>()
  for (const candidate of candidates) {
    const [first, ...rest] = candidate.pins
    const pin = rest.reduce((best, one) => (sharedBy(one) < sharedBy(best!) ? one : best), first)
    // All of them say so: nothing would be told apart by it.
    if (pin === undefined || sharedBy(pin) >= candidates.length) {
      leaves.push(leafOf(candidate))
      continue
    }
    const { byValue } = grown(branches, pin.name, () => ({ place: pin.place, byValue: new Map() }))
    grown(byValue, pin.value, () => []).push({ ...candidate, pins: candidate.pins.filter((one) => one !== pin) })
  }
  return { leaves, branches: [...branches.values()].map(({ place, byValue }) => branchOf(place, byValue)) }
}

const branchOf = (place: Place, byValue: ReadonlyMap<unknown, ReadonlyArray<Candidate>>): Branch => {
  const leaves = new Map<unknown, Leaf>()
  const nodes = new Map<unknown, Node>()
  for (const [value, candidates] of byValue) {
    if (candidates.length === 1) leaves.set(value, leafOf(candidates[0]!))
    else nodes.set(value, treeOf(candidates))
  }
  return { place, leaves, nodes }
}

const none: ReadonlyArray<MatchedGrant> = []

export class GrantIndex {
  /** By integration, then by action. */
  readonly #trees = new Map<string, Map<string, Node>>()
  /** Of the call that is asked about, while it is: one array for all. */
  readonly #found: Array<Leaf> = []

  constructor(grants: ReadonlyArray<Grant>) {
    const groups = new Map<string, Map<string, Array<Candidate>>>()
    for (const [rank, grant] of [...grants].sort(narrowestFirst).entries()) {
      const actions = grown(groups, grant.integration, () => new Map<string, Array<Candidate>>())
      grown(actions, grant.action, () => []).push(candidateOf(grant, rank))
    }
    for (const [integration, actions] of groups)
      this.#trees.set(integration, new Map([...actions].map(([action, candidates]) => [action, treeOf(candidates)])))
  }

  /** Narrowest first, as `matchingGrants` has them. */
  matching(call: CallContext, nowMs: number): ReadonlyArray<MatchedGrant> {
    const actions = this.#trees.get(call.integration)
    // None covers what is dangerous (I1).
    if (actions === undefined || call.risk === "danger") return none
    const found = this.#found
    found.length = 0
    take(actions.get(call.action), call, nowMs, found)
    if (call.action !== "*") take(actions.get("*"), call, nowMs, found)
    if (found.length === 0) return none
    if (found.length === 1) return found[0]!.alone
    return found.sort((one, other) => one.rank - other.rank).map(({ alone }) => alone[0]!)
  }
}

const scopeIdIn = (call: CallContext, scope: Grant["scope"]["type"]): string | null => {
  switch (scope) {
    case "session":
      return call.sessionId
    case "automation":
      return call.automationId
    case "configuration":
      return call.configurationId
    case "organisation":
      return call.org
  }
}

const weigh = (leaf: Leaf, call: CallContext, nowMs: number, found: Array<Leaf>): void => {
  const { scope, keys, moreChecks } = leaf
  if (!leaf.isUsable || leaf.expiresAtMs <= nowMs) return
  if (scope !== null && scopeIdIn(call, scope) !== leaf.scopeId) return
  if (keys !== null && !fitsValue(leaf.op, leaf.value, valueAt(call.params, keys))) return
  if (moreChecks !== null)
    for (const check of moreChecks) if (!fitsValue(check.op, check.value, valueAt(call.params, check.keys))) return
  found.push(leaf)
}

const take = (node: Node | undefined, call: CallContext, nowMs: number, found: Array<Leaf>): void => {
  if (node === undefined) return
  for (const leaf of node.leaves) weigh(leaf, call, nowMs, found)
  for (const { place, leaves, nodes } of node.branches) {
    const value = place.scope === null ? valueAt(call.params, place.keys) : scopeIdIn(call, place.scope)
    if (value === undefined) continue
    const leaf = leaves.get(value)
    if (leaf !== undefined) weigh(leaf, call, nowMs, found)
    else if (nodes.size > 0) take(nodes.get(value), call, nowMs, found)
  }
}
