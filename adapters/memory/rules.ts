/** The books of rules in memory; promises: actors/ports/rules.ts. */
import { Effect, Layer } from "effect"
import { canonical } from "../../actors/canonical.ts"
import { DirectoryError } from "../../actors/ports/directory.ts"
import { Rules } from "../../actors/ports/rules.ts"
import type { Rule } from "../../machines/policy.ts"

interface Book {
  revision: number
  rules: ReadonlyArray<Rule>
}

const subjectOf = ({ integration, action, scope, pins }: Omit<Rule, "revision">): string =>
  canonical([integration, action, scope, pins])

export const memoryRules = (): Rules["Service"] => {
  const books = new Map<string, Book>()
  const bookOf = (org: string): Book => books.get(org) ?? { revision: 0, rules: [] }
  const inOrder = (rules: ReadonlyArray<Rule>) =>
    [...rules].sort((a, b) => (`${a.integration} ${a.action} ${a.id}` < `${b.integration} ${b.action} ${b.id}` ? -1 : 1))

  return {
    book: (org) => Effect.sync(() => structuredClone({ ...bookOf(org), rules: inOrder(bookOf(org).rules) })),
    set: ({ org, createdBy: _, ...given }, ifRevision) =>
      Effect.suspend(() => {
        const { revision, rules } = bookOf(org)
        if (ifRevision !== undefined && ifRevision !== revision) {
          const message = `the rules have changed since: they are at revision ${revision} now, look again`
          return Effect.fail(new DirectoryError({ reason: "conflict", message }))
        }
        const known = rules.find((rule) => subjectOf(rule) === subjectOf(given))
        const rule = structuredClone({ ...given, id: known?.id ?? given.id, revision: revision + 1 })
        books.set(org, { revision: revision + 1, rules: [...rules.filter((other) => other !== known), rule] })
        return Effect.succeed(structuredClone(rule))
      }),
    remove: (org, id) =>
      Effect.sync(() => {
        const { revision, rules } = bookOf(org)
        if (!rules.some((rule) => rule.id === id)) return null
        books.set(org, { revision: revision + 1, rules: rules.filter((rule) => rule.id !== id) })
        return revision + 1
      })
  }
}

export const layer: Layer.Layer<Rules> = Layer.sync(Rules, () => Rules.of(memoryRules()))
