/** What memory and `jsonb` must agree on, and the last word of a step on each of its records. */
import type { RecordWrite } from "../../runtime/journal.ts"

// `JSON.stringify` escapes exactly NUL and unpaired surrogates this way, and `jsonb` takes neither.
const refused = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/

export const isRefusedByJsonb = (json: string): boolean => refused.test(json)

type Of<Type> = Extract<RecordWrite, { readonly type: Type }>

/** A key that a step both claims and releases is what it said last. */
export const lastWords = (records: ReadonlyArray<RecordWrite>) => {
  const last = new Map<string, RecordWrite>()
  for (const record of records) {
    last.set(record.type === "project" ? record.type : `${record.name}/${record.key}`, record)
  }
  const words = [...last.values()]
  return {
    claim: words.filter((record): record is Of<"claim"> => record.type === "claim"),
    release: words.filter((record): record is Of<"release"> => record.type === "release"),
    project: words.find((record): record is Of<"project"> => record.type === "project")
  }
}
