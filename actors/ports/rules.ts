/** Port: the rules that administrators set, a book of them for each organisation. Adapters in adapters/postgres and adapters/memory; suite test/contract/rules.ts. */
import { Context, type Effect } from "effect"
import type { Rule } from "../../machines/policy.ts"
import type { DirectoryError } from "./directory.ts"

export interface RuleBook {
  /** Of the last change; 0 before the first. */
  readonly revision: number
  readonly rules: ReadonlyArray<Rule>
}

/** Made by an earlier set, when it is for the same action, scope and pins: it keeps that one's id. */
export interface NewRule extends Omit<Rule, "revision"> {
  readonly org: string
  readonly createdBy: string | null
}

type Result<A> = Effect.Effect<A, DirectoryError>

export class Rules extends Context.Service<
  Rules,
  {
    readonly book: (org: string) => Result<RuleBook>
    /** `ifRevision`: `conflict` where the book has changed since. */
    readonly set: (rule: NewRule, ifRevision?: number) => Result<Rule>
    /** The book's revision after it, or null: there was no such rule. */
    readonly remove: (org: string, id: string) => Result<number | null>
  }
>()("proliferate/actors/ports/Rules") {}
