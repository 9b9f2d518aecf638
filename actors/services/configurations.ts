/** Configurations: which repositories a session holds and where, which agent works on them, and whether it asks before it acts. */
import { Context, Effect, Layer, Schema } from "effect"
import { newId } from "../../runtime/address.ts"
import { type AgentError, Agents, agentDefault } from "../ports/agents.ts"
import { type Configuration, Directory, type DirectoryError } from "../ports/directory.ts"
import type { Pass } from "./access.ts"
import { ServiceError } from "./error.ts"
import { Id, Name } from "./words.ts"

/** More than a person keeps in mind; each is a clone that every session waits for. */
const repositoriesMax = 20

const Folder = Schema.String.check(
  Schema.isPattern(/^(\.|[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(\/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}){0,4})$/, {
    message: "must be a relative folder such as `app` or `libs/core`, or `.` for a single repository"
  })
)

export const AgentName = Schema.String.check(
  Schema.isPattern(/^[a-z0-9][a-z0-9._-]{0,63}$/, { message: "must be the name of an agent, such as `opencode`" })
)

export const NewConfiguration = Schema.Struct({
  name: Name,
  repositories: Schema.Array(Schema.Struct({ repositoryId: Id, path: Schema.optionalKey(Folder) })).check(
    Schema.isMinLength(1, { message: "must name at least one repository" }),
    Schema.isMaxLength(repositoriesMax, { message: `must name at most ${repositoriesMax} repositories` })
  ),
  agent: Schema.optionalKey(AgentName),
  permissions: Schema.optionalKey(Schema.Literals(["allow", "ask"]))
})

const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))

const asField = <A>(effect: Effect.Effect<A, AgentError>): Effect.Effect<A, ServiceError> =>
  Effect.catch(effect, ({ reason, message }) => fail("reference", `${reason === "model" ? "model" : "agent"}: ${message}`))

/** It need not be able to run yet. */
export const knownAgent = (agents: Agents["Service"], name: string): Effect.Effect<unknown, ServiceError> =>
  asField(agents.find(name))

/** The model for a session of an agent that can run here, now. */
export const chosenModel = (
  agents: Agents["Service"],
  name: string,
  model: string | null
): Effect.Effect<string | null, ServiceError> => asField(agents.choose(name, model))

/** A folder for a repository that was given none: its name, as far as it can be one. */
const folderFor = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "") || "repository"

const contains = (outer: string, inner: string): boolean => outer === "." || inner === outer || inner.startsWith(`${outer}/`)

export class Configurations extends Context.Service<
  Configurations,
  {
    readonly list: (pass: Pass<"configurations.read">) => Effect.Effect<ReadonlyArray<Configuration>, DirectoryError>
    readonly add: (
      pass: Pass<"configurations.add">,
      configuration: typeof NewConfiguration.Type
    ) => Effect.Effect<Configuration, ServiceError | DirectoryError>
  }
>()("proliferate/actors/services/Configurations") {
  static readonly layer: Layer.Layer<Configurations, never, Directory | Agents> = Layer.effect(
    Configurations,
    Effect.gen(function* () {
      const directory = yield* Directory
      const agents = yield* Agents

      const repositoryIn = Effect.fnUntraced(function* (org: string, id: string) {
        const repository = yield* directory.repository(org, id)
        return repository ?? (yield* fail("reference", `there is no repository ${id} in your organisation`))
      })

      return Configurations.of({
        list: ({ organisation }) => directory.configurations(organisation),

        add: Effect.fn("Configurations.add")(function* ({ organisation }, { name, repositories, agent, permissions }) {
          if (agent !== undefined) yield* knownAgent(agents, agent)
          const placed = yield* Effect.forEach(repositories, ({ repositoryId, path }) =>
            repositoryIn(organisation, repositoryId).pipe(
              Effect.map((repository) => ({
                repositoryId,
                path: path ?? (repositories.length === 1 ? "." : folderFor(repository.name))
              }))
            )
          )
          for (const [index, { path }] of placed.entries()) {
            const other = placed.find((its, at) => at !== index && contains(its.path, path))
            if (other)
              return yield* fail(
                "invalid",
                `repositories[${index}].path: ${path} lies in ${other.path}, another repository's folder`
              )
          }
          return yield* directory.addConfiguration({
            id: yield* newId("cfg"),
            org: organisation,
            name,
            repositories: placed,
            agent: agent ?? agentDefault,
            permissions: permissions ?? "allow"
          })
        })
      })
    })
  )
}
