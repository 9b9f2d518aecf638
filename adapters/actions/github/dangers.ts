/** What cannot be taken back on GitHub. */
import type { Octokit } from "@octokit/rest"
import { Schema } from "effect"
import { actionsOf } from "../action.ts"
import { branch, Pull, pull_number, Release, repo, text } from "./params.ts"

const action = actionsOf<Octokit>()
const data = async <A>(answer: Promise<{ readonly data: A }>): Promise<A> => (await answer).data

/** What is there, or null where GitHub says that it is not. */
const there = async <A>(answer: Promise<{ readonly data: A }>): Promise<A | null> => {
  try {
    return await data(answer)
  } catch (cause) {
    if ((cause as { readonly status?: unknown }).status === 404) return null
    throw cause
  }
}

export const githubDangers = [
  action({
    name: "merge_pull_request",
    title: "Merge a pull request",
    description: "Merges a pull request into its base.",
    risk: "danger",
    params: Schema.Struct({
      ...repo,
      pull_number,
      sha: Schema.String.check(Schema.isPattern(/^[0-9a-f]{40}$/)).annotate({
        description: "The head that was looked at; GitHub refuses to merge another."
      }),
      merge_method: Schema.optionalKey(
        Schema.Literals(["merge", "squash", "rebase"]).annotate({ description: "How; merge unless it is said." })
      ),
      commit_title: Schema.optionalKey(text(256, "Title of the commit that is made."))
    }),
    example: {
      owner: "acme",
      repo: "api",
      pull_number: 12,
      sha: "6dcb09b5b57875f334f61aebed695e2e4193db5e",
      merge_method: "squash"
    },
    answer: Schema.Struct({ merged: Schema.Boolean, sha: Schema.optionalKey(Schema.NullOr(Schema.String)) }),
    run: (github, at) => data(github.rest.pulls.merge(at)),
    readBack: async (github, { owner, repo, pull_number }) => {
      const { merged, merge_commit_sha } = await data(github.rest.pulls.get({ owner, repo, pull_number }))
      return merged ? { found: { merged, sha: merge_commit_sha } } : { absent: true }
    }
  }),
  action({
    name: "close_pull_request",
    title: "Close a pull request",
    description: "Closes a pull request without merging it.",
    risk: "danger",
    params: Schema.Struct({ ...repo, pull_number }),
    example: { owner: "acme", repo: "api", pull_number: 12 },
    answer: Pull,
    honoursKeys: true,
    run: (github, at) => data(github.rest.pulls.update({ ...at, state: "closed" })),
    readBack: async (github, at) => {
      const pull = await data(github.rest.pulls.get(at))
      return pull.state === "closed" ? { found: pull } : { absent: true }
    }
  }),
  action({
    name: "delete_branch",
    title: "Delete a branch",
    description: "Deletes a branch; commits that are nowhere else are lost.",
    risk: "danger",
    params: Schema.Struct({ ...repo, branch: branch("The branch.") }),
    example: { owner: "acme", repo: "api", branch: "fix-pages" },
    answer: Schema.Struct({ deleted: Schema.String }),
    run: async (github, { branch, ...at }) => {
      await github.rest.git.deleteRef({ ...at, ref: `heads/${branch}` })
      return { deleted: branch }
    },
    readBack: async (github, { branch, ...at }) =>
      (await there(github.rest.git.getRef({ ...at, ref: `heads/${branch}` }))) === null
        ? { found: { deleted: branch } }
        : { absent: true }
  }),
  action({
    name: "create_release",
    title: "Release",
    description: "Publishes a release under a tag, which is made where it is not there.",
    risk: "danger",
    params: Schema.Struct({
      ...repo,
      tag_name: branch("The tag, like v1.2.3."),
      target_commitish: Schema.optionalKey(branch("Branch or commit that the tag is made at.")),
      name: Schema.optionalKey(text(256, "Its title.")),
      body: Schema.optionalKey(text(60_000, "What is new, in Markdown.")),
      draft: Schema.optionalKey(Schema.Boolean.annotate({ description: "Not to be seen yet." })),
      prerelease: Schema.optionalKey(Schema.Boolean.annotate({ description: "Not for everybody yet." }))
    }),
    example: { owner: "acme", repo: "api", tag_name: "v1.2.3", name: "1.2.3", body: "Pages are counted from 0." },
    answer: Release,
    run: (github, at) => data(github.rest.repos.createRelease(at)),
    readBack: async (github, { owner, repo, tag_name, draft }) => {
      if (draft === true) return { unclear: "A draft cannot be found by its tag." }
      const release = await there(github.rest.repos.getReleaseByTag({ owner, repo, tag: tag_name }))
      return release === null ? { absent: true } : { found: release }
    }
  })
]
