/** What the repository of services/github.ts always has: a file, a check that fails and the job behind it. */
import { createVerify } from "node:crypto"
import type { Said } from "./service.ts"

export const sha = "6dcb09b5b57875f334f61aebed695e2e4193db5e"

export const stillRoutes: ReadonlyArray<readonly [string, RegExp, () => Said]> = [
  [
    "GET",
    /^\/pulls\/\d+\/files$/,
    () => ({
      body: [{ sha, filename: "lib/pager.js", status: "modified", additions: 1, deletions: 1, changes: 2, patch: "@@ -1 +1 @@" }]
    })
  ],
  [
    "GET",
    /^\/contents\/README\.md$/,
    () => ({
      body: { type: "file", encoding: "base64", size: 5, name: "README.md", path: "README.md", sha, content: "SGVs\nbG8=\n" }
    })
  ],
  ["GET", /^\/contents\/$/, () => ({ body: [{ type: "file", name: "README.md", path: "README.md", size: 5, sha }] })],
  [
    "GET",
    /^\/commits\/main\/check-runs$/,
    () => ({
      body: {
        total_count: 1,
        check_runs: [
          {
            id: 4,
            name: "test",
            status: "completed",
            conclusion: "failure",
            html_url: null,
            output: { title: "1 failed", summary: "pager" }
          }
        ]
      }
    })
  ],
  [
    "GET",
    /^\/actions\/runs\/\d+\/jobs$/,
    () => ({
      body: {
        total_count: 1,
        jobs: [
          {
            id: 31234567890,
            run_id: 9876543210,
            name: "test",
            status: "completed",
            conclusion: "failure",
            html_url: null,
            steps: [{ name: "npm test", status: "completed", conclusion: "failure", number: 3 }]
          }
        ]
      }
    })
  ]
]

/** By the App's own key. */
export const isSigned = (publicKey: string, authorization: string): boolean => {
  const [head = "", claims = "", signature = ""] = authorization.replace("Bearer ", "").split(".")
  return publicKey !== "" && createVerify("RSA-SHA256").update(`${head}.${claims}`).verify(publicKey, signature, "base64url")
}
