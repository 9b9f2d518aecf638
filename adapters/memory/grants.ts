/** Grants over the budgets of a journal in memory, and requests for them; promises: actors/ports/grants.ts. */
import { Clock, Effect, Layer } from "effect"
import { DirectoryError } from "../../actors/ports/directory.ts"
import { type GrantRequest, Grants, type LentGrant } from "../../actors/ports/grants.ts"
import { type BudgetRow, emptyJournal, type JournalState } from "./journal-state.ts"

const newestFirst = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? 1 : -1)

/** What is asked for, whatever the uses and the time. */
const subjectOf = ({ scope, integration, action, constraints }: GrantRequest["draft"]): string =>
  JSON.stringify([scope.type, scope.id, integration, action, constraints.map((one) => Object.entries(one).sort())])

export const memoryGrants = ({ budgets }: JournalState): Grants["Service"] => {
  const requests = new Map<string, GrantRequest>()
  const revokers = new Map<string, string>()

  const grantOf = ({ org, about, id, usesMax, used, expiresAtMs, revokedAtMs, revision, createdAtMs }: BudgetRow): LentGrant => ({
    ...({ parentId: null, requestId: null, approvalId: null, ...structuredClone(about) } as unknown as LentGrant),
    ...{ id, usesMax, used, expiresAtMs, revokedAtMs, revision, createdAtMs, revokedBy: revokers.get(`${org}/${id}`) ?? null }
  })
  const grantsOf = (org: string) => [...budgets.values()].filter((budget) => budget.org === org).map(grantOf)
  const isLive = ({ revokedAtMs, expiresAtMs }: LentGrant, nowMs: number) => revokedAtMs === null && expiresAtMs > nowMs
  const end = (org: string, id: string, by: string, nowMs: number) => {
    const budget = budgets.get(`${org}/${id}`)!
    budget.revokedAtMs = nowMs
    budget.revision += 1
    revokers.set(`${org}/${id}`, by)
  }
  const shown = (request: GrantRequest, nowMs: number): GrantRequest =>
    structuredClone(
      request.status === "open" && request.expiresAtMs <= nowMs ? { ...request, status: "expired" as const } : request
    )
  const now = Clock.currentTimeMillis

  return {
    candidates: (org, integration, action) =>
      Effect.map(now, (nowMs) =>
        grantsOf(org).filter(
          (grant) => isLive(grant, nowMs) && grant.integration === integration && [action, "*"].includes(grant.action)
        )
      ),
    find: (org, id) => Effect.sync(() => grantsOf(org).find((grant) => grant.id === id) ?? null),
    list: (org, { limit, before, ended }) =>
      Effect.map(now, (nowMs) =>
        grantsOf(org)
          .filter((grant) => ended || (isLive(grant, nowMs) && (grant.usesMax === null || grant.used < grant.usesMax)))
          .filter(({ id }) => before === undefined || id < before)
          .sort(newestFirst)
          .slice(0, limit)
      ),
    lend: Effect.fnUntraced(function* ({ org, id, draft: { usesMax, lastsMs, ...about }, createdBy, requestId, parentId }) {
      if (budgets.has(`${org}/${id}`))
        return yield* new DirectoryError({ reason: "conflict", message: "its id is taken already" })
      const nowMs = yield* now
      const parent = parentId === null ? null : grantsOf(org).find((one) => one.id === parentId && isLive(one, nowMs))
      const request = requestId === null ? null : requests.get(`${org}/${requestId}`)
      if (parent === undefined || request === undefined) return null
      if (request !== null && shown(request, nowMs).status !== "open") return null
      if (request !== null) requests.set(`${org}/${request.id}`, { ...request, status: "granted", by: createdBy, answer: null })
      const expiresAtMs = Math.min(nowMs + lastsMs, parent?.expiresAtMs ?? Number.POSITIVE_INFINITY)
      const budget: BudgetRow = {
        ...{ id, usesMax, org, used: 0, expiresAtMs, revokedAtMs: null, revision: 1, createdAtMs: nowMs },
        about: structuredClone({ ...about, createdBy, requestId, parentId })
      }
      budgets.set(`${org}/${id}`, budget)
      return grantOf(budget)
    }),
    revoke: (org, id, by) =>
      Effect.map(now, (nowMs) => {
        const line = new Set([id])
        const all = grantsOf(org)
        for (let size = 0; size !== line.size; ) {
          size = line.size
          for (const grant of all) if (grant.parentId !== null && line.has(grant.parentId)) line.add(grant.id)
        }
        const ended = all.filter((grant) => line.has(grant.id) && grant.revokedAtMs === null).map((grant) => grant.id)
        for (const one of ended) end(org, one, by, nowMs)
        return ended
      }),
    endOf: (org, sessionId) =>
      Effect.map(now, (nowMs) => {
        for (const { id, scope, revokedAtMs } of grantsOf(org))
          if (scope.type === "session" && scope.id === sessionId && revokedAtMs === null) end(org, id, "session", nowMs)
      }),

    ask: (given, max, forMs) =>
      Effect.map(now, (nowMs) => {
        const { org, sessionId, id } = given
        const open = [...requests.values()].filter(
          (request) => request.org === org && request.sessionId === sessionId && shown(request, nowMs).status === "open"
        )
        const same = open.find((request) => subjectOf(request.draft) === subjectOf(given.draft))
        if (same !== undefined) return structuredClone(same)
        if (open.length >= max) return null
        const answered = { status: "open", by: null, answer: null } as const
        const request: GrantRequest = structuredClone({ ...given, ...answered, createdAtMs: nowMs, expiresAtMs: nowMs + forMs })
        requests.set(`${org}/${id}`, request)
        return structuredClone(request)
      }),
    request: (org, id) =>
      Effect.map(now, (nowMs) => {
        const request = requests.get(`${org}/${id}`)
        return request === undefined ? null : shown(request, nowMs)
      }),
    requests: (org, { limit, sessionId, open }) =>
      Effect.map(now, (nowMs) =>
        [...requests.values()]
          .filter((request) => request.org === org && (sessionId === undefined || request.sessionId === sessionId))
          .map((request) => shown(request, nowMs))
          .filter(({ status }) => !open || status === "open")
          .sort(newestFirst)
          .slice(0, limit)
      ),
    answer: (org, id, answer) =>
      Effect.map(now, (nowMs) => {
        const request = requests.get(`${org}/${id}`)
        if (request === undefined || shown(request, nowMs).status !== "open") return null
        const answered = { ...request, ...answer }
        requests.set(`${org}/${id}`, answered)
        return structuredClone(answered)
      })
  }
}

export const layer = (state: JournalState = emptyJournal()): Layer.Layer<Grants> =>
  Layer.sync(Grants, () => Grants.of(memoryGrants(state)))
