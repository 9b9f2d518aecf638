/** uWebSockets.js alone, in a process of its own: says back what it hears. Prints its port. */
import type * as UWS from "uWebSockets.js"
import { loadUws } from "../../adapters/gateway/uws.ts"

const { uws } = loadUws()
if (uws === null) throw new Error("uWebSockets.js cannot be loaded here")
uws
  .App()
  .ws<object>("/*", { message: (ws, message, isBinary) => void ws.send(message, isBinary) })
  .listen("127.0.0.1", 0, (token: UWS.us_listen_socket | false) => {
    if (!token) throw new Error("cannot listen")
    console.log(uws.us_socket_local_port(token))
  })
process.stdin.resume().on("end", () => process.exit(0))
