/** Where the daemon works, as it was started. */
import { Context } from "effect"

export class Place extends Context.Service<
  Place,
  {
    /** Of the repositories, and of the agent. */
    readonly workspace: string
    readonly home: string
    /** What `{proliferate}` stands for in the command of an agent. */
    readonly program: string
    /** The way to the server, and the session that it is known as there; null: there is none. */
    readonly proxySocket: string | null
    readonly sessionId: string | null
  }
>()("proliferate/cli/daemon/Place") {}
