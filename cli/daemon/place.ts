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
  }
>()("proliferate/cli/daemon/Place") {}
