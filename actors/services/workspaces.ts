/** What a session's workspace holds, worked out from its configuration: repositories, branch, author. */
import { Context, Effect, Layer, Schema } from "effect"
import type { Workspace } from "../ports/daemon.ts"
import { Directory } from "../ports/directory.ts"
import { relayPort } from "../ports/proxy.ts"

/** `final`: the configuration itself cannot work; otherwise the records could not be read now. */
export class WorkspaceError extends Schema.TaggedError<WorkspaceError>()("WorkspaceError", {
  reason: Schema.Literals(["not-found", "unavailable"]),
  final: Schema.Boolean,
  message: Schema.String
}) {}

/** The branch that a session's work is committed on. */
export const workBranchOf = (sessionId: string): string => `proliferate/${sessionId.slice(-8)}`

export class Workspaces extends Context.Service<
  Workspaces,
  {
    readonly plan: (of: {
      readonly org: string
      readonly sessionId: string
      readonly configurationId: string
    }) => Effect.Effect<Omit<typeof Workspace.Type, "boot" | "restored">, WorkspaceError>
  }
>()("proliferate/actors/services/Workspaces") {
  static readonly layer = Layer.effect(
    Workspaces,
    Effect.gen(function* () {
      const directory = yield* Directory
      return Workspaces.of({
        plan: Effect.fn("Workspaces.plan")(
          function* ({ org, sessionId, configurationId }) {
            const missing = (message: string) => new WorkspaceError({ reason: "not-found", final: true, message })
            const configuration = yield* directory.configuration(org, configurationId)
            if (configuration === null) return yield* missing(`there is no configuration ${configurationId}`)
            const repositories = yield* Effect.forEach(configuration.repositories, ({ repositoryId, path }) =>
              Effect.flatMap(directory.repository(org, repositoryId), (repository) =>
                repository === null
                  ? Effect.fail(missing(`configuration ${configuration.name} names a repository that is gone: ${repositoryId}`))
                  : Effect.succeed({
                      url: `http://127.0.0.1:${relayPort}/git/${repositoryId}`,
                      branch: repository.defaultBranch,
                      path
                    })
              )
            )
            const session = yield* directory.session(org, sessionId)
            const owner = session?.owner ? (yield* directory.users(org)).find(({ id }) => id === session.owner) : undefined
            return {
              repositories,
              workBranch: workBranchOf(sessionId),
              author: { name: owner?.name ?? "proliferate", email: owner?.email ?? "agent@proliferate.invalid" }
            }
          },
          Effect.catchTag("DirectoryError", ({ message }) =>
            Effect.fail(new WorkspaceError({ reason: "unavailable", final: false, message }))
          )
        )
      })
    })
  )
}
