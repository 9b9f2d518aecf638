/**
 * Port: pull requests at whoever hosts a repository. An adapter knows one kind of host; a repository that none of them knows has
 * no pull requests here, and the one who asks is told what to do by hand.
 */
import { Context, type Effect, Schema } from "effect"

/**
 * `closed`: the credential is missing, or may not do this. `rejected`: the host heard it and said no, and would again.
 * `unreachable`: no answer; it may have been opened: asked again, it is found by its branch.
 */
export class PullRequestError extends Schema.TaggedError<PullRequestError>()("PullRequestError", {
  reason: Schema.Literals(["closed", "rejected", "unreachable"]),
  message: Schema.String
}) {}

export interface PullRequest {
  readonly url: string
  readonly number: number
  /** It was there before. */
  readonly existed: boolean
}

export interface PullRequestHost {
  /** One open pull request per branch and base: the one that is there is answered, not a second one opened. */
  readonly open: (request: {
    readonly org: string
    readonly repositoryId: string
    readonly branch: string
    readonly base: string
    readonly title: string
    readonly body: string
    readonly draft: boolean
    /** In whose name; a host that knows them may show them as its author. */
    readonly author: { readonly name: string; readonly email: string }
  }) => Effect.Effect<PullRequest, PullRequestError>
}

export class PullRequests extends Context.Service<
  PullRequests,
  {
    /** Who hosts the repository at this location, or null where no adapter knows it. */
    readonly hostOf: (location: string) => PullRequestHost | null
  }
>()("proliferate/actors/ports/PullRequests") {}
