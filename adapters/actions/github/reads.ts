/** What may be looked at on GitHub. */
import type { Octokit } from "@octokit/rest"
import { Schema } from "effect"
import { actionsOf } from "../action.ts"
import * as limits from "../limits.ts"
import {
  branch,
  Check,
  Comment,
  File,
  Issue,
  issue_number,
  Job,
  job_id,
  Pull,
  pages,
  pull_number,
  Run,
  repo,
  run_id,
  state,
  text
} from "./params.ts"

const action = actionsOf<Octokit>()
const data = async <A>(answer: Promise<{ readonly data: A }>): Promise<A> => (await answer).data

const logCharactersMax = 6_000

/** The last lines of a log. */
const endOf = (log: string) => ({
  log: log.length <= logCharactersMax ? log : log.slice(-logCharactersMax).replace(/^[^\n]*\n/, ""),
  isWhole: log.length <= logCharactersMax
})

const contentOf = (found: unknown): unknown => {
  if (Array.isArray(found)) return { entries: found }
  const file = found as { readonly content?: string; readonly encoding?: string }
  return file.encoding === "base64" ? { ...file, content: Buffer.from(file.content ?? "", "base64").toString() } : file
}

export const githubReads = [
  action({
    name: "list_issues",
    title: "List issues",
    description: "Issues of a repository, the newest first; pull requests are among them, with `pull_request`.",
    risk: "read",
    params: Schema.Struct({
      ...repo,
      state,
      labels: Schema.optionalKey(text(500, "Only with all of these labels, separated by commas.")),
      since: Schema.optionalKey(text(40, "Only changed since, like 2026-01-31T00:00:00Z.")),
      ...pages
    }),
    example: { owner: "acme", repo: "api", state: "open", per_page: 20 },
    answer: Schema.Array(Issue),
    run: (github, asked) => data(github.rest.issues.listForRepo(asked))
  }),
  action({
    name: "get_issue",
    title: "Get an issue",
    description: "One issue with its text.",
    risk: "read",
    params: Schema.Struct({ ...repo, issue_number }),
    example: { owner: "acme", repo: "api", issue_number: 7 },
    answer: Issue,
    run: (github, asked) => data(github.rest.issues.get(asked))
  }),
  action({
    name: "list_comments",
    title: "List comments",
    description: "What was said under an issue or a pull request, the oldest first.",
    risk: "read",
    params: Schema.Struct({ ...repo, issue_number, ...pages }),
    example: { owner: "acme", repo: "api", issue_number: 7 },
    answer: Schema.Array(Comment),
    run: (github, asked) => data(github.rest.issues.listComments(asked))
  }),
  action({
    name: "list_pull_requests",
    title: "List pull requests",
    description: "Pull requests of a repository, the newest first.",
    risk: "read",
    params: Schema.Struct({
      ...repo,
      state,
      head: Schema.optionalKey(text(300, "Only from this branch, as `owner:branch`.")),
      base: Schema.optionalKey(branch("Only into this branch.")),
      ...pages
    }),
    example: { owner: "acme", repo: "api", state: "open" },
    answer: Schema.Array(Pull),
    run: (github, asked) => data(github.rest.pulls.list(asked))
  }),
  action({
    name: "get_pull_request",
    title: "Get a pull request",
    description: "One pull request: its text, its branches, whether it can be merged.",
    risk: "read",
    params: Schema.Struct({ ...repo, pull_number }),
    example: { owner: "acme", repo: "api", pull_number: 12 },
    answer: Pull,
    run: (github, asked) => data(github.rest.pulls.get(asked))
  }),
  action({
    name: "list_pull_request_files",
    title: "List a pull request's files",
    description: "The files that a pull request changes, with their patches.",
    risk: "read",
    params: Schema.Struct({ ...repo, pull_number, ...pages }),
    example: { owner: "acme", repo: "api", pull_number: 12 },
    answer: Schema.Array(File),
    run: (github, asked) => data(github.rest.pulls.listFiles(asked))
  }),
  action({
    name: "get_file",
    title: "Get a file",
    description: "A file of a repository as it is at a branch, tag or commit; of a directory, what is in it.",
    risk: "read",
    params: Schema.Struct({
      ...repo,
      path: text(1_000, "Where it is, from the repository's root."),
      ref: Schema.optionalKey(branch("Branch, tag or commit; the default branch unless it is said."))
    }),
    example: { owner: "acme", repo: "api", path: "README.md", ref: "main" },
    answer: Schema.Struct({
      path: Schema.optionalKey(Schema.String),
      sha: Schema.optionalKey(Schema.String),
      size: Schema.optionalKey(Schema.Finite),
      content: Schema.optionalKey(Schema.String),
      entries: Schema.optionalKey(Schema.Array(Schema.Struct({ name: Schema.String, type: Schema.String, size: Schema.Finite })))
    }),
    run: async (github, asked) => contentOf(await data(github.rest.repos.getContent(asked)))
  }),
  action({
    name: "list_checks",
    title: "List checks",
    description: "What the checks say of a commit.",
    risk: "read",
    params: Schema.Struct({ ...repo, ref: branch("Branch, tag or commit."), ...pages }),
    example: { owner: "acme", repo: "api", ref: "main" },
    answer: Schema.Struct({ total_count: Schema.Finite, check_runs: Schema.Array(Check) }),
    run: (github, asked) => data(github.rest.checks.listForRef(asked))
  }),
  action({
    name: "list_runs",
    title: "List workflow runs",
    description: "Runs of GitHub Actions, the newest first.",
    risk: "read",
    params: Schema.Struct({
      ...repo,
      branch: Schema.optionalKey(branch("Only of this branch.")),
      status: Schema.optionalKey(
        Schema.Literals(["completed", "failure", "success", "in_progress", "queued", "cancelled"]).annotate({
          description: "Only those."
        })
      ),
      ...pages
    }),
    example: { owner: "acme", repo: "api", branch: "main", status: "failure" },
    answer: Schema.Struct({ total_count: Schema.Finite, workflow_runs: Schema.Array(Run) }),
    run: (github, asked) => data(github.rest.actions.listWorkflowRunsForRepo(asked))
  }),
  action({
    name: "list_jobs",
    title: "List a run's jobs",
    description: "The jobs of a workflow run, with the steps that failed.",
    risk: "read",
    params: Schema.Struct({ ...repo, run_id, ...pages }),
    example: { owner: "acme", repo: "api", run_id: 9876543210 },
    answer: Schema.Struct({ total_count: Schema.Finite, jobs: Schema.Array(Job) }),
    run: (github, asked) => data(github.rest.actions.listJobsForWorkflowRun(asked))
  }),
  action({
    name: "get_job_log",
    title: "Get a job's log",
    description: "The end of a job's log.",
    risk: "read",
    isLog: true,
    params: Schema.Struct({ ...repo, job_id }),
    example: { owner: "acme", repo: "api", job_id: 31234567890 },
    answer: Schema.Struct({ log: Schema.String, isWhole: Schema.Boolean }),
    run: async (github, asked) => {
      const log = await data(github.rest.actions.downloadJobLogsForWorkflowRun(asked) as Promise<{ readonly data: unknown }>)
      const told = log instanceof ArrayBuffer ? Buffer.from(log).toString() : log
      return typeof told === "string" ? endOf(told.slice(-limits.logTailBytes)) : told
    }
  })
]
