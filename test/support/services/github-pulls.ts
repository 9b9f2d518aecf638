/** Pull requests of the repository that services/github.ts has, as https://docs.github.com/rest/pulls shows them. */
import { sha } from "./github-still.ts"
import type { Said } from "./service.ts"

export type Answering = readonly [
  string,
  RegExp,
  (given: { readonly at: ReadonlyArray<string>; readonly query: URLSearchParams; readonly body: any }) => Said
]

export const user = { login: "ada", id: 1, type: "User", site_admin: false }
export const notFound: Said = {
  status: 404,
  body: { message: "Not Found", documentation_url: "https://docs.github.com/rest", status: "404" }
}
export const pageOf = (list: ReadonlyArray<unknown>, query: URLSearchParams) => {
  const size = Number(query.get("per_page") ?? 30)
  const page = Number(query.get("page") ?? 1)
  return list.slice((page - 1) * size, page * size)
}
export const numbered = (list: ReadonlyArray<Record<string, any>>, number: string | undefined) =>
  list.find((one) => String(one["number"]) === number)

/** Issues and pull requests are numbered together. */
export const githubPulls = (issues: () => number, done: (said: Said) => Said) => {
  const pulls: Array<Record<string, any>> = []
  const now = () => new Date().toISOString()
  const addPull = (fields: Record<string, any>) => {
    const number = issues() + pulls.length + 7
    const pull = {
      id: number,
      number,
      state: "open",
      html_url: `https://github.com/acme/api/pull/${number}`,
      user,
      draft: false,
      merged: false,
      mergeable: true,
      mergeable_state: "clean",
      merge_commit_sha: null,
      requested_reviewers: [],
      created_at: now(),
      updated_at: now(),
      ...fields,
      head: { ref: fields["head"], sha, label: `acme:${fields["head"]}` },
      base: { ref: fields["base"], sha }
    }
    pulls.unshift(pull)
    return pull
  }
  const routes: ReadonlyArray<Answering> = [
    [
      "GET",
      /^\/pulls$/,
      ({ query }) => ({
        body: pageOf(
          pulls.filter(
            ({ head, base, state }) =>
              (query.get("head") ?? head.label) === head.label &&
              (query.get("base") ?? base.ref) === base.ref &&
              ["all", state].includes(query.get("state") ?? "open")
          ),
          query
        )
      })
    ],
    [
      "POST",
      /^\/pulls$/,
      ({ body }) => {
        if (pulls.some(({ head, base, state }) => head.ref === body.head && base.ref === body.base && state === "open"))
          return {
            status: 422,
            body: { message: "Validation Failed", errors: [{ message: "A pull request already exists for acme:fix-pages." }] }
          }
        return done({ status: 201, body: addPull(body) })
      }
    ],
    [
      "GET",
      /^\/pulls\/(\d+)$/,
      ({ at }) => {
        const found = numbered(pulls, at[1])
        return found === undefined ? notFound : { body: found }
      }
    ],
    [
      "PATCH",
      /^\/pulls\/(\d+)$/,
      ({ at, body }) => {
        const found = numbered(pulls, at[1])
        return found === undefined ? notFound : done({ body: Object.assign(found, body) })
      }
    ],
    [
      "PUT",
      /^\/pulls\/(\d+)\/merge$/,
      ({ at, body }) => {
        const found = numbered(pulls, at[1])
        if (found === undefined) return notFound
        if (body.sha !== sha)
          return { status: 409, body: { message: "Head branch was modified. Review and try the merge again." } }
        Object.assign(found, { merged: true, state: "closed", merge_commit_sha: sha })
        return done({ body: { sha, merged: true, message: "Pull Request successfully merged" } })
      }
    ],
    [
      "POST",
      /^\/pulls\/(\d+)\/requested_reviewers$/,
      ({ at, body }) => {
        const found = numbered(pulls, at[1])
        if (found === undefined) return notFound
        found["requested_reviewers"] = body.reviewers.map((login: string) => ({ login, id: 2 }))
        return done({ status: 201, body: found })
      }
    ]
  ]
  return { pulls, routes }
}
