/** The books of rules in PostgreSQL. A change takes its book's row first, so that revisions are given one after another. */
import { Effect, Layer } from "effect"
import { canonical } from "../../actors/canonical.ts"
import { DirectoryError } from "../../actors/ports/directory.ts"
import { type NewRule, Rules } from "../../actors/ports/rules.ts"
import type { Rule } from "../../machines/policy.ts"
import { Postgres } from "./pool.ts"
import { call } from "./records.ts"

interface RuleRow extends Omit<Rule, "scope" | "pins"> {
  readonly automation: string
  readonly pins: string
}

const ruleOf = ({ automation, pins, ...row }: RuleRow): Rule => ({
  ...row,
  scope: automation === "" ? { type: "organisation" } : { type: "automation", id: automation },
  pins: JSON.parse(pins)
})

const automationOf = ({ scope }: NewRule): string => (scope.type === "automation" ? scope.id : "")

class Changed extends Error {
  readonly revision: number

  constructor(revision: number) {
    super()
    this.revision = revision
  }
}

const conflict = (revision: number) =>
  new DirectoryError({
    reason: "conflict",
    message: `the rules have changed since: they are at revision ${revision} now, look again`
  })

export const postgresRules = ({ sql }: Postgres["Service"]): Rules["Service"] => {
  const rule = sql`id, integration, action, mode, automation, pins, revision::float8`
  return {
    book: (org) =>
      call(true, async () => {
        const [book] = await sql<Array<{ readonly revision: number; readonly rules: ReadonlyArray<RuleRow> | null }>>`
          select b.revision::float8, (
            select json_agg(json_build_object('id', r.id, 'integration', r.integration, 'action', r.action, 'mode', r.mode,
              'automation', r.automation, 'pins', r.pins, 'revision', r.revision) order by r.integration, r.action, r.id)
            from rules r where r.org = b.org
          ) as rules from rule_books b where b.org = ${org}`
        return { revision: book?.revision ?? 0, rules: (book?.rules ?? []).map(ruleOf) }
      }),

    set: (given, ifRevision) =>
      call(false, () =>
        sql
          .begin(async (tx) => {
            const { org, id, integration, action, mode, createdBy } = given
            const [book] = await tx<Array<{ readonly revision: number }>>`
            insert into rule_books (org, revision) values (${org}, 1)
            on conflict (org) do update set revision = rule_books.revision + 1 returning revision::float8`
            const { revision } = book!
            if (ifRevision !== undefined && ifRevision !== revision - 1) throw new Changed(revision - 1)
            const [row] = await tx<Array<RuleRow>>`
            insert into rules (org, id, integration, action, mode, automation, pins, revision, created_by)
            values (${org}, ${id}, ${integration}, ${action}, ${mode}, ${automationOf(given)}, ${canonical(given.pins)}, ${revision}, ${createdBy})
            on conflict (org, integration, action, automation, pins)
              do update set mode = excluded.mode, revision = excluded.revision, created_by = excluded.created_by
            returning ${rule}`
            return ruleOf(row!)
          })
          .catch((cause) => (cause instanceof Changed ? cause : Promise.reject(cause)))
      ).pipe(Effect.flatMap((made) => (made instanceof Changed ? Effect.fail(conflict(made.revision)) : Effect.succeed(made)))),

    remove: (org, id) =>
      call(false, () =>
        sql.begin(async (tx) => {
          const [book] = await tx<Array<{ readonly revision: number }>>`
            update rule_books set revision = revision + 1
            where org = ${org} and exists (select from rules where org = ${org} and id = ${id}) returning revision::float8`
          if (book === undefined) return null
          const { count } = await tx`delete from rules where org = ${org} and id = ${id}`
          return count > 0 ? book.revision : null
        })
      )
  }
}

export const layer: Layer.Layer<Rules, never, Postgres> = Layer.effect(
  Rules,
  Effect.map(Postgres, (postgres) => Rules.of(postgresRules(postgres)))
)
