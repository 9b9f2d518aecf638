/** Git over smart HTTP on the loopback, as the proxy of a sandbox serves it, and repositories to serve. */
import { execFileSync, spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import http from "node:http"
import type { AddressInfo } from "node:net"
import { dirname, join } from "node:path"
import { Effect } from "effect"

const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]

export const git = (cwd: string, ...args: ReadonlyArray<string>): string =>
  execFileSync("git", [...identity, ...args], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim()

/** A bare repository `<root>/<name>.git` with these files committed on main. */
export const makeRepository = (root: string, name: string, files: Readonly<Record<string, string>>): string => {
  const bare = join(root, `${name}.git`)
  const work = join(root, `${name}.work`)
  mkdirSync(work, { recursive: true })
  git(root, "init", "--quiet", "--bare", bare)
  git(bare, "config", "http.receivepack", "true")
  if (Object.keys(files).length === 0) return bare
  git(work, "init", "--quiet", ".")
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(work, path)), { recursive: true })
    writeFileSync(join(work, path), text)
  }
  git(work, "add", "--all")
  git(work, "commit", "--quiet", "-m", "the beginning")
  git(work, "push", "--quiet", bare, "main")
  return bare
}

/** Below `/locked/` a password is asked for, below `/forbidden/` none is enough; `/slow/` never answers. */
export const gitServer = (root: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly server: http.Server }>((resume) => {
      const server = http.createServer((request, response) => {
        const url = new URL(request.url ?? "/", "http://git")
        if (url.pathname.startsWith("/locked/")) return response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end()
        if (url.pathname.startsWith("/forbidden/")) return response.writeHead(403).end()
        if (url.pathname.startsWith("/slow/")) return
        const backend = spawn("git", ["http-backend"], {
          env: {
            PATH: process.env["PATH"],
            GIT_PROJECT_ROOT: root,
            GIT_HTTP_EXPORT_ALL: "1",
            PATH_INFO: url.pathname,
            QUERY_STRING: url.search.slice(1),
            REQUEST_METHOD: request.method,
            REMOTE_ADDR: "127.0.0.1",
            CONTENT_TYPE: request.headers["content-type"] ?? "",
            HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
            GIT_PROTOCOL: String(request.headers["git-protocol"] ?? "")
          }
        })
        backend.stdin.on("error", () => {})
        request.pipe(backend.stdin)
        let head = Buffer.alloc(0)
        let isOpen = false
        backend.stdout.on("data", (chunk: Buffer) => {
          if (isOpen) return void response.write(chunk)
          head = Buffer.concat([head, chunk])
          const end = head.indexOf("\r\n\r\n")
          if (end === -1) return
          isOpen = true
          const headers = Object.fromEntries(
            head
              .subarray(0, end)
              .toString("utf8")
              .split("\r\n")
              .map((line) => {
                const [key, ...rest] = line.split(": ")
                return [key!.toLowerCase(), rest.join(": ")]
              })
          )
          const { status = "200", ...others } = headers
          response.writeHead(Number.parseInt(status, 10), others).write(head.subarray(end + 4))
        })
        backend.stdout.on("end", () => response.end())
      })
      server.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed({ server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }))
      )
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
