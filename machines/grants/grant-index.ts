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
}

/** Grants of one scope for one action. */
interface Group {
  readonly pinned: Map<string, Pinned>
  readonly others: Array<Ranked>
}

type Scopes = Map<string, Group>

const isScalar = (value: unknown): boolean => typeof value === "string" || typeof value === "number" || typeof value === "boolean"
const pinOf = ({ constraints }: Grant): Constraint | undefined =>
  constraints.find(({ op, value }) => op === "equals" && isScalar(value))

const scopeKey = { session: "s/", automation: "a/", configuration: "c/", organisation: "o/" } as const

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
    for (const [rank, grant] of [...grants].sort(narrowestFirst).entries()) this.#add({ rank, grant })
  }

  #add(ranked: Ranked): void {
    const { grant } = ranked
    const actions = grown(this.#integrations, grant.integration, () => new Map<string, Scopes>())
    const scopes = grown(actions, grant.action, () => new Map<string, Group>())
    const group = grown(scopes, scopeKey[grant.scope.type] + grant.scope.id, () => ({ pinned: new Map(), others: [] }))
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
    return found.map(({ grant }) => matchedGrant(grant))
  }

  #found(call: CallContext, nowMs: number): Array<Ranked> {
    const found: Array<Ranked> = []
    const actions = this.#integrations.get(call.integration)
    if (actions === undefined) return found
    for (const scopes of [actions.get(call.action), actions.get("*")]) {
      if (scopes === undefined) continue
      take(scopes.get(scopeKey.session + call.sessionId), call, nowMs, found)
      if (call.automationId !== null) take(scopes.get(scopeKey.automation + call.automationId), call, nowMs, found)
      if (call.configurationId !== null) take(scopes.get(scopeKey.configuration + call.configurationId), call, nowMs, found)
      take(scopes.get(scopeKey.organisation + call.org), call, nowMs, found)
    }
    return found
  }
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
