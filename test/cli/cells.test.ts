/** What a server that shall have several databases is refused for, before anything is begun; no message shows a password. */
import { ConfigProvider, Effect } from "effect"
import { assert, it } from "vitest"
import { cellsOf } from "../../cli/cells.ts"
import { settings } from "../../cli/settings.ts"

const cellsWith = (env: Record<string, string>) =>
  settings.pipe(Effect.flatMap(cellsOf), Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(env)))
const home = { DATABASE_URL: "postgres://ada:secret@127.0.0.1:5432/home" }

it("has one database unless it is told of more", async () => {
  assert.strictEqual((await Effect.runPromise(cellsWith({}))).size, 0)
  assert.strictEqual((await Effect.runPromise(cellsWith(home))).size, 0)
})

it("knows cells by their names", async () => {
  const given = "eu=postgres://ada:s%2Ccret=@eu.example/p?sslmode=require, us-2=postgresql://us.example/p"
  assert.deepStrictEqual(
    [...(await Effect.runPromise(cellsWith({ ...home, DATABASE_CELLS: given })))],
    [
      ["eu", "postgres://ada:s%2Ccret=@eu.example/p?sslmode=require"],
      ["us-2", "postgresql://us.example/p"]
    ]
  )
})

it.each([
  ["without a home of its own", {}, "eu=postgres://h/p", /set DATABASE_URL/],
  ["without a name", home, "postgres://ada:secret@h/p", /entry 1 of 1 is not NAME=URL/],
  ["with an empty entry", home, "eu=postgres://h/p,", /entry 2 of 2 is not NAME=URL/],
  ["with a comma in a password", home, "eu=postgres://ada:sec,ret@h/p", /that of the cell eu is not a URL .*%2C/],
  ["with a name that is no word", home, "EU=postgres://ada:secret@h/p", /entry 1 of 1: a cell is named by/],
  ["named as the home is", home, "home=postgres://ada:secret@h/p", /"home" is that of DATABASE_URL/],
  ["named twice", home, "eu=postgres://h/p,eu=postgres://ada:secret@h/q", /there are two cells named eu/],
  ["with what is no URL", home, "us=postgres://h/p,eu=ada:secret", /that of the cell eu is not a URL such as/],
  ["with a bare percent sign", home, "eu=postgres://ada:sec%ret@h/p", /in that of the cell eu is a % .*%25/],
  ["of another kind", home, "eu=mysql://ada:secret@h/p", /that of the cell eu is not a URL such as/]
])("is refused %s, and told what to do", async (_, env, cells, says) => {
  const error = await Effect.runPromise(Effect.flip(cellsWith({ ...env, DATABASE_CELLS: cells })))
  const message = String((error as { message?: string }).message)
  assert.match(message, says)
  assert.notMatch(message, /secret|sec[,%]|ada/)
})
