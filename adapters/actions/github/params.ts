/** What GitHub's actions are given, and what is kept of its answers. Shapes from https://docs.github.com/rest */
import { Schema } from "effect"

export const text = (charactersMax: number, description: string) =>
  Schema.String.check(Schema.isMaxLength(charactersMax)).annotate({ description })
export const repo = {
  owner: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9-]{0,38}$/)).annotate({
    description: "Who the repository belongs to."
  }),
  repo: Schema.String.check(Schema.isPattern(/^[\w.-]{1,100}$/)).annotate({ description: "The repository's name." })
}
const number = (description: string) => Schema.Int.check(Schema.isGreaterThan(0)).annotate({ description })
export const issue_number = number("Number of the issue, or of the pull request.")
export const pull_number = number("Number of the pull request.")
export const run_id = number("Id of the workflow run.")
export const job_id = number("Id of the job, from list_jobs.")
export const branch = (description: string) =>
  Schema.String.check(Schema.isPattern(/^[^\s~^:?*[\\]{1,250}$/)).annotate({ description })
export const names = (description: string) =>
  Schema.Array(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(100)))
    .check(Schema.isMinLength(1), Schema.isMaxLength(20))
    .annotate({ description })
export const pages = {
  per_page: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 })).annotate({ description: "How many; 30 unless it is said." })
  ),
  page: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0)).annotate({ description: "Which page; the first is 1." }))
}
export const state = Schema.optionalKey(
  Schema.Literals(["open", "closed", "all"]).annotate({ description: "Open ones unless it is said." })
)

const maybe = <A extends Schema.Top>(schema: A) => Schema.optionalKey(Schema.NullOr(schema))
const Person = Schema.NullOr(Schema.Struct({ login: Schema.String }))

export const Issue = Schema.Struct({
  number: Schema.Finite,
  title: Schema.String,
  state: Schema.String,
  html_url: Schema.String,
  body: maybe(Schema.String),
  user: Person,
  labels: Schema.optionalKey(
    Schema.Array(Schema.Union([Schema.String, Schema.Struct({ name: Schema.optionalKey(Schema.NullOr(Schema.String)) })]))
  ),
  assignees: maybe(Schema.Array(Schema.Struct({ login: Schema.String }))),
  comments: Schema.optionalKey(Schema.Finite),
  created_at: Schema.String,
  updated_at: Schema.String,
  closed_at: maybe(Schema.String),
  pull_request: Schema.optionalKey(Schema.Struct({ html_url: Schema.optionalKey(Schema.NullOr(Schema.String)) }))
})
const Ref = Schema.Struct({ ref: Schema.String, sha: Schema.String })
export const Pull = Schema.Struct({
  number: Schema.Finite,
  title: Schema.String,
  state: Schema.String,
  html_url: Schema.String,
  body: maybe(Schema.String),
  user: Person,
  draft: Schema.optionalKey(Schema.Boolean),
  merged: Schema.optionalKey(Schema.Boolean),
  mergeable: maybe(Schema.Boolean),
  mergeable_state: Schema.optionalKey(Schema.String),
  head: Ref,
  base: Ref,
  requested_reviewers: maybe(Schema.Array(Schema.Struct({ login: Schema.String }))),
  commits: Schema.optionalKey(Schema.Finite),
  additions: Schema.optionalKey(Schema.Finite),
  deletions: Schema.optionalKey(Schema.Finite),
  changed_files: Schema.optionalKey(Schema.Finite),
  created_at: Schema.String,
  updated_at: Schema.String
})
export const Comment = Schema.Struct({
  id: Schema.Finite,
  html_url: Schema.String,
  body: maybe(Schema.String),
  user: Person,
  created_at: Schema.String
})
export const File = Schema.Struct({
  filename: Schema.String,
  status: Schema.String,
  additions: Schema.Finite,
  deletions: Schema.Finite,
  patch: Schema.optionalKey(Schema.String)
})
export const Run = Schema.Struct({
  id: Schema.Finite,
  name: maybe(Schema.String),
  display_title: Schema.optionalKey(Schema.String),
  head_branch: maybe(Schema.String),
  head_sha: Schema.String,
  event: Schema.String,
  status: maybe(Schema.String),
  conclusion: maybe(Schema.String),
  run_attempt: Schema.optionalKey(Schema.Finite),
  html_url: Schema.String,
  run_started_at: Schema.optionalKey(Schema.String)
})
export const Check = Schema.Struct({
  id: Schema.Finite,
  name: Schema.String,
  status: Schema.String,
  conclusion: maybe(Schema.String),
  html_url: maybe(Schema.String),
  output: Schema.optionalKey(Schema.Struct({ title: maybe(Schema.String), summary: maybe(Schema.String) }))
})
export const Job = Schema.Struct({
  id: Schema.Finite,
  name: Schema.String,
  status: Schema.String,
  conclusion: maybe(Schema.String),
  html_url: maybe(Schema.String),
  steps: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({ name: Schema.String, status: Schema.String, conclusion: maybe(Schema.String), number: Schema.Finite })
    )
  )
})
export const Release = Schema.Struct({
  id: Schema.Finite,
  tag_name: Schema.String,
  name: maybe(Schema.String),
  html_url: Schema.String,
  draft: Schema.Boolean,
  prerelease: Schema.Boolean
})
export const Label = Schema.Struct({ name: Schema.String })
