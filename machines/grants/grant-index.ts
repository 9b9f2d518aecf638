/**
 * Many grants of one organisation, arranged so that a call is compared with the few that could cover it: by action, by scope, then
 * by the value that their first `equals` pins. 10⁶ decisions a second over 10,000 grants (`npm run bench -- --only policy`); the
 * answers are those of `matchingGrants`.
 */

import { covers, type Grant, isLive, matchedGrant, narrowestFirst } from "../grants.ts"
import { type Constraint, keysOf, valueAt } from "../policy/constraints.ts"
import type { CallContext, MatchedGrant } from "../policy.ts"

interface Pinned {
  readonly keys: ReadonlyArray<string>
  readonly byValue: Map<unknown, Array<Ranked>>
}

interface Ranked {
  readonly rank: number
  readonly grant: Grant
  /** Told of each call that it covers. */
  readonly matched: MatchedGrant
}

/** Grants of one scope for one action. */
interface Group {
  readonly pinned: Map<string, Pinned>
  readonly others: Array<Ranked>
}

/** Of one action: by the kind of scope, then by its id. */
type Scopes = Readonly<Record<Grant["scope"]["type"], Map<string, Group>>>

const isScalar = (value: unknown): boolean => typeof value === "string" || typeof value === "number" || typeof value === "boolean"
const pinOf = ({ constraints }: Grant): Constraint | undefined =>
  constraints.find(({ op, value }) => op === "equals" && isScalar(value))

const grown = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

export class GrantIndex {
  readonly #integrations = new Map<string, Map<string, Scopes>>()

  constructor(grants: ReadonlyArray<Grant>) {
    for (const [rank, grant] of [...grants].sort(narrowestFirst).entries())
      this.#add({ rank, grant, matched: matchedGrant(grant) })
  }

  #add(ranked: Ranked): void {
    const { grant } = ranked
    const actions = grown(this.#integrations, grant.integration, () => new Map<string, Scopes>())
    const scopes = grown(
      actions,
      grant.action,
      (): Scopes => ({ session: new Map(), automation: new Map(), configuration: new Map(), organisation: new Map() })
    )
    const group = grown(scopes[grant.scope.type], grant.scope.id, () => ({ pinned: new Map(), others: [] }))
    const pin = pinOf(grant)
    if (pin === undefined) group.others.push(ranked)
    else {
      const { byValue } = grown(group.pinned, pin.path, () => ({ keys: keysOf(pin.path), byValue: new Map() }))
      grown(byValue, pin.value, () => []).push(ranked)
    }
  }

  /** Narrowest first, as `matchingGrants` has them. */
  matching(call: CallContext, nowMs: number): ReadonlyArray<MatchedGrant> {
    const found = this.#found(call, nowMs)
    if (found.length > 1) found.sort((one, other) => one.rank - other.rank)
    return found.map(({ matched }) => matched)
  }

  #found(call: CallContext, nowMs: number): Array<Ranked> {
    const found: Array<Ranked> = []
    const actions = this.#integrations.get(call.integration)
    if (actions === undefined) return found
    takeScopes(actions.get(call.action), call, nowMs, found)
    takeScopes(actions.get("*"), call, nowMs, found)
    return found
  }
}

const takeScopes = (scopes: Scopes | undefined, call: CallContext, nowMs: number, found: Array<Ranked>): void => {
  if (scopes === undefined) return
  take(scopes.session.get(call.sessionId), call, nowMs, found)
  if (call.automationId !== null) take(scopes.automation.get(call.automationId), call, nowMs, found)
  if (call.configurationId !== null) take(scopes.configuration.get(call.configurationId), call, nowMs, found)
  take(scopes.organisation.get(call.org), call, nowMs, found)
}

const keep = (ranked: ReadonlyArray<Ranked>, call: CallContext, nowMs: number, found: Array<Ranked>): void => {
  for (const each of ranked) if (isLive(each.grant, nowMs) && covers(each.grant, call)) found.push(each)
}

const take = (group: Group | undefined, call: CallContext, nowMs: number, found: Array<Ranked>): void => {
  if (group === undefined) return
  keep(group.others, call, nowMs, found)
  for (const { keys, byValue } of group.pinned.values()) {
    const ranked = byValue.get(valueAt(call.params, keys))
    if (ranked !== undefined) keep(ranked, call, nowMs, found)
  }
}
