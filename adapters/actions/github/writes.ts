/** What may be changed on GitHub, and how it is found again: by a mark in its text, or by being as it was asked to be. */
import type { Octokit } from "@octokit/rest"
import { Schema } from "effect"
import { actionsOf, type Looking } from "../action.ts"
import { Declined } from "../failure.ts"
import { hiddenMark } from "../marks.ts"
import { branch, Comment, Issue, issue_number, Label, names, Pull, pull_number, Run, repo, run_id, text } from "./params.ts"

const action = actionsOf<Octokit>()
const data = async <A>(answer: Promise<{ readonly data: A }>): Promise<A> => (await answer).data

const body = text(60_000, "What it says, in Markdown.")
const marked = (said: string | undefined, key: string) => `${said ?? ""}\n\n${hiddenMark(key)}`

const notAnIssue = "that is a pull request: close_pull_request closes it"
const pagesMax = 5
const perPage = 100

/** The one with the mark of this call, among those that are listed; where the list is longer than is read, nothing is proven. */
const findMarked = async (
  key: string,
  list: (page: number) => Promise<ReadonlyArray<{ readonly body?: string | null }>>
): Promise<Looking> => {
  for (let page = 1; page <= pagesMax; page++) {
    const found = await list(page)
    const one = found.find(({ body }) => body?.includes(hiddenMark(key)) === true)
    if (one !== undefined) return { found: one }
    if (found.length < perPage) return { absent: true }
  }
  return { unclear: `More than ${pagesMax * perPage} were made there since.` }
}

export const githubWrites = [
  action({
    name: "comment",
    title: "Comment",
    description: "Says something under an issue or a pull request.",
    risk: "write",
    params: Schema.Struct({ ...repo, issue_number, body }),
    example: { owner: "acme", repo: "api", issue_number: 7, body: "Reproduced on `main`; a fix follows." },
    answer: Comment,
    run: (github, { body, ...at }, key) => data(github.rest.issues.createComment({ ...at, body: marked(body, key) })),
    readBack: (github, { owner, repo, issue_number }, { key, sinceMs }) =>
      findMarked(key, (page) =>
        data(
          github.rest.issues.listComments({
            owner,
            repo,
            issue_number,
            since: new Date(sinceMs).toISOString(),
            per_page: perPage,
            page
          })
        )
      )
  }),
  action({
    name: "create_issue",
    title: "Create an issue",
    description: "A new issue in a repository.",
    risk: "write",
    params: Schema.Struct({
      ...repo,
      title: text(256, "Its title."),
      body: Schema.optionalKey(body),
      labels: Schema.optionalKey(names("Labels that exist there.")),
      assignees: Schema.optionalKey(names("Logins of who shall look after it."))
    }),
    example: { owner: "acme", repo: "api", title: "Page 0 shows page 1", body: "Seen at `/items?page=0`.", labels: ["bug"] },
    answer: Issue,
    run: (github, { body, labels, assignees, ...at }, key) =>
      data(
        github.rest.issues.create({
          ...at,
          body: marked(body, key),
          ...(labels && { labels: [...labels] }),
          ...(assignees && { assignees: [...assignees] })
        })
      ),
    readBack: (github, { owner, repo }, { key, sinceMs }) =>
      findMarked(key, (page) =>
        data(
          github.rest.issues.listForRepo({
            owner,
            repo,
            state: "all",
            since: new Date(sinceMs).toISOString(),
            sort: "created",
            direction: "desc",
            per_page: perPage,
            page
          })
        )
      )
  }),
  action({
    name: "close_issue",
    title: "Close an issue",
    description: "Closes an issue, as done or as not planned.",
    risk: "write",
    params: Schema.Struct({
      ...repo,
      issue_number,
      state_reason: Schema.optionalKey(
        Schema.Literals(["completed", "not_planned"]).annotate({ description: "Why; completed unless it is said." })
      )
    }),
    example: { owner: "acme", repo: "api", issue_number: 7, state_reason: "completed" },
    answer: Issue,
    honoursKeys: true,
    run: async (github, { state_reason = "completed", ...at }) => {
      const issue = await data(github.rest.issues.get(at))
      // The same call closes pull requests, which is another action.
      if (issue.pull_request !== undefined)
        throw new Declined("a pull request", { reason: "invalid", refused: true, message: notAnIssue })
      return data(github.rest.issues.update({ ...at, state: "closed", state_reason }))
    },
    readBack: async (github, { owner, repo, issue_number }) => {
      const issue = await data(github.rest.issues.get({ owner, repo, issue_number }))
      return issue.state === "closed" ? { found: issue } : { absent: true }
    }
  }),
  action({
    name: "create_pull_request",
    title: "Open a pull request",
    description: "Asks to merge a branch that was pushed into another.",
    risk: "write",
    params: Schema.Struct({
      ...repo,
      title: text(256, "Its title."),
      head: branch("The branch with the changes; `owner:branch` from a fork."),
      base: branch("The branch that they go into."),
      body: Schema.optionalKey(body),
      draft: Schema.optionalKey(Schema.Boolean.annotate({ description: "Not to be reviewed yet." }))
    }),
    example: {
      owner: "acme",
      repo: "api",
      title: "Count pages from 0",
      head: "fix-pages",
      base: "main",
      body: "Fixes #7.",
      draft: true
    },
    answer: Pull,
    run: (github, { body, ...at }, key) => data(github.rest.pulls.create({ ...at, body: marked(body, key) })),
    readBack: (github, { owner, repo, head, base }, { key }) =>
      findMarked(key, (page) =>
        data(
          github.rest.pulls.list({
            owner,
            repo,
            state: "all",
            head: head.includes(":") ? head : `${owner}:${head}`,
            base,
            sort: "created",
            direction: "desc",
            per_page: perPage,
            page
          })
        )
      )
  }),
  action({
    name: "add_labels",
    title: "Label",
    description: "Puts labels on an issue or a pull request; those that are there stay.",
    risk: "write",
    params: Schema.Struct({ ...repo, issue_number, labels: names("Labels that exist there.") }),
    example: { owner: "acme", repo: "api", issue_number: 7, labels: ["bug"] },
    answer: Schema.Array(Label),
    honoursKeys: true,
    run: (github, { labels, ...at }) => data(github.rest.issues.addLabels({ ...at, labels: [...labels] })),
    readBack: async (github, { owner, repo, issue_number, labels }) => {
      const there = await data(github.rest.issues.listLabelsOnIssue({ owner, repo, issue_number, per_page: perPage }))
      return labels.every((label) => there.some(({ name }) => name.toLowerCase() === label.toLowerCase()))
        ? { found: there }
        : { absent: true }
    }
  }),
  action({
    name: "request_review",
    title: "Request a review",
    description: "Asks people to review a pull request.",
    risk: "write",
    params: Schema.Struct({ ...repo, pull_number, reviewers: names("Their logins.") }),
    example: { owner: "acme", repo: "api", pull_number: 12, reviewers: ["octocat"] },
    answer: Pull,
    run: (github, { reviewers, ...at }) => data(github.rest.pulls.requestReviewers({ ...at, reviewers: [...reviewers] })),
    readBack: async (github, { owner, repo, pull_number, reviewers }) => {
      const pull = await data(github.rest.pulls.get({ owner, repo, pull_number }))
      const asked = pull.requested_reviewers ?? []
      return reviewers.every((one) => asked.some(({ login }) => login.toLowerCase() === one.toLowerCase()))
        ? { found: pull }
        : { unclear: "They are not asked now; they may have been, and have answered." }
    }
  }),
  action({
    name: "rerun_failed_jobs",
    title: "Run failed jobs again",
    description: "Runs the failed jobs of a workflow run once more.",
    risk: "write",
    params: Schema.Struct({ ...repo, run_id }),
    example: { owner: "acme", repo: "api", run_id: 9876543210 },
    answer: Schema.Union([Run, Schema.Struct({ run_id: Schema.Finite })]),
    run: async (github, at) => {
      await github.rest.actions.reRunWorkflowFailedJobs(at)
      return { run_id: at.run_id }
    },
    readBack: async (github, { owner, repo, run_id }, { sinceMs }) => {
      const run = await data(github.rest.actions.getWorkflowRun({ owner, repo, run_id }))
      if (run.run_started_at == null) return { unclear: "GitHub does not say when it was started." }
      return Date.parse(run.run_started_at) >= sinceMs && (run.run_attempt ?? 1) > 1 ? { found: run } : { absent: true }
    }
  })
]
