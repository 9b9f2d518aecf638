/**
 * Port: the records that are not alive: who there is (organisations, users, tokens) and what they have (repositories,
 * configurations), and the list rows that actors project. Adapters: adapters/postgres/directory.ts, adapters/memory/directory.ts;
 * suite test/contract/directory.ts. Every row has its organisation; a read names it, and another organisation's row is not found.
 */
import { Context, type Effect, Schema } from "effect"
import type { Dialect } from "./models.ts"

export const Role = Schema.Literals(["owner", "admin", "member", "viewer"])
export type Role = typeof Role.Type

/** The cell that every installation has. */
export const homeCell = "home"

export interface Organisation {
  readonly id: string
  readonly name: string
  /** Which of the databases it lives in, whole and for good. */
  readonly cell: string
  readonly createdAtMs: number
}

export interface User {
  readonly id: string
  readonly org: string
  readonly name: string
  readonly email: string
  readonly role: Role
  readonly createdAtMs: number
}

/** Stored by the SHA-256 of the token; the token itself is shown once and kept nowhere. */
export interface Token {
  readonly id: string
  readonly org: string
  readonly userId: string
  readonly name: string
  /** First characters, to recognise it by. */
  readonly prefix: string
  readonly createdAtMs: number
  readonly expiresAtMs: number | null
}

export interface RepositoryRecord {
  readonly id: string
  readonly org: string
  readonly name: string
  /** An absolute path on the host (`local`) or an http(s) URL (`remote`), without credentials. */
  readonly source: "local" | "remote"
  readonly location: string
  readonly defaultBranch: string
  readonly createdAtMs: number
}

export interface Configuration {
  readonly id: string
  readonly org: string
  readonly name: string
  readonly repositories: ReadonlyArray<{ readonly repositoryId: string; readonly path: string }>
  /** Agent that sessions start by default. */
  readonly agent: string
  readonly permissions: "allow" | "ask"
  readonly createdAtMs: number
}

/** What lists show of a session; written in the commits of its actor that change it, never here. `rev` and `updatedAtMs` are of the last such change. */
export interface SessionRow {
  readonly id: string
  readonly org: string
  readonly title: string
  readonly status: string
  readonly owner: string | null
  readonly configurationId: string | null
  readonly archived: boolean
  readonly rev: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** One call of a model, by an agent through the relay of its sandbox. Tokens; `input` counts those that were `cached` as well. */
export interface ModelCall {
  readonly org: string
  readonly sessionId: string
  readonly key: string
  readonly model: string
  readonly dialect: Dialect
  readonly input: number
  readonly output: number
  readonly cached: number
  /** The end of the answer, which tells the count, never came. */
  readonly estimated: boolean
  /** What the endpoint answered with, or 499: the asking end left, 502: the answer broke off, 504: it stood still. */
  readonly status: number
  readonly ms: number
}

/** What all calls of a session come to. */
export interface ModelUsage {
  readonly calls: number
  readonly input: number
  readonly output: number
  readonly cached: number
}

/** Which sessions, and how many. What is not given does not narrow. */
export interface SessionQuery {
  readonly limit: number
  /** Those before this id, which is the next page. */
  readonly before?: string | undefined
  readonly status?: string | undefined
  readonly owner?: string | undefined
  /** True: archived ones alone; false, also where it is not given: none of them. */
  readonly archived?: boolean | undefined
  /** Each is the beginning of a word of the title or of the id; as `wordsOf` makes them. */
  readonly words?: ReadonlyArray<string> | undefined
}

const wordCharactersMax = 64
const wordsMax = 64

/** Letters and digits in lower case, each word once. */
export const wordsOf = (text: string): ReadonlyArray<string> => [
  ...new Set(
    (
      text
        .normalize("NFKC")
        .toLowerCase()
        .match(/[\p{L}\p{N}]+/gu) ?? []
    )
      .slice(0, wordsMax)
      .map((word) => word.slice(0, wordCharactersMax))
  )
]

/** What a session is found by. The end of an id is what the name of its branch ends with. */
export const sessionWords = ({ id, title }: Pick<SessionRow, "id" | "title">): ReadonlyArray<string> =>
  wordsOf(`${id} ${id.slice(-8)} ${title}`)

/** `conflict`: a unique name or key is taken. `not-found`: something it names is not there. `unavailable`: try again. */
export class DirectoryError extends Schema.TaggedError<DirectoryError>()("DirectoryError", {
  reason: Schema.Literals(["conflict", "not-found", "unavailable"]),
  message: Schema.String
}) {}

type Result<A> = Effect.Effect<A, DirectoryError>
type New<A> = Omit<A, "createdAtMs">

type NewOrganisation = Omit<New<Organisation>, "cell"> & { readonly cell?: string | undefined }

export interface Founding {
  readonly organisation: NewOrganisation
  readonly user: New<User>
  readonly token: New<Token> & { readonly hash: string }
}

export interface Founders {
  readonly organisation: Organisation
  readonly user: User
  readonly token: Token
}

export class Directory extends Context.Service<
  Directory,
  {
    /** At home, unless a cell is named; `not-found` where there is none of that name. */
    readonly addOrganisation: (organisation: NewOrganisation) => Result<Organisation>
    readonly organisations: Result<ReadonlyArray<Organisation>>
    /** An organisation with its owner and their token: all three, or none of them. */
    readonly found: (founding: Founding) => Result<Founders>

    /** An email is unique within its organisation. */
    readonly addUser: (user: New<User>) => Result<User>
    readonly users: (org: string) => Result<ReadonlyArray<User>>
    /** Removes the user and every token of theirs. False: there was none, or it is the last owner. */
    readonly removeUser: (org: string, id: string) => Result<boolean>

    readonly addToken: (token: New<Token> & { readonly hash: string }) => Result<Token>
    readonly tokens: (org: string) => Result<ReadonlyArray<Token>>
    /** The unexpired token with this hash, with its user. `unavailable` if their organisation lives in a cell that is not known here. */
    readonly tokenByHash: (hash: string) => Result<{ readonly token: Token; readonly user: User } | null>
    readonly revokeToken: (org: string, id: string) => Result<boolean>

    /** A name is unique within its organisation. */
    readonly addRepository: (repository: New<RepositoryRecord>) => Result<RepositoryRecord>
    readonly repository: (org: string, id: string) => Result<RepositoryRecord | null>
    readonly repositories: (org: string) => Result<ReadonlyArray<RepositoryRecord>>

    /** A name is unique within its organisation. `not-found` if a repository it names is not of the organisation. */
    readonly addConfiguration: (configuration: New<Configuration>) => Result<Configuration>
    readonly configuration: (org: string, id: string) => Result<Configuration | null>
    readonly configurations: (org: string) => Result<ReadonlyArray<Configuration>>

    readonly session: (org: string, id: string) => Result<SessionRow | null>
    /** Newest first. */
    readonly sessions: (org: string, query: SessionQuery) => Result<ReadonlyArray<SessionRow>>
    /** Of every organisation, archived or not, oldest first: for a host that comes or goes. `after` is an id. */
    readonly sessionsIn: (
      statuses: ReadonlyArray<string>,
      page: { readonly limit: number; readonly after: string | null }
    ) => Result<ReadonlyArray<SessionRow>>

    /** Counted once for each `key` of its session, however often it is added. */
    readonly addModelCall: (call: ModelCall) => Result<void>
    readonly modelUsage: (org: string, sessionId: string) => Result<ModelUsage>

    /**
     * Reserves `key` for a request whose canonical text hashes to `hash`, with the id that what it creates shall have. Asked again
     * it returns what was reserved first: same hash, same id; another hash is the caller's to refuse. Kept for 24 h.
     */
    readonly reserve: (request: {
      readonly org: string
      readonly key: string
      readonly hash: string
      readonly id: string
    }) => Result<{ readonly hash: string; readonly id: string }>
  }
>()("proliferate/actors/ports/Directory") {}
