/** The sandboxes of E2B as tests use them: the real adapter and SDK, against the fake or against the live service. */
import { Layer, Redacted } from "effect"
import { E2BSandboxes } from "../../adapters/sandbox/e2b/e2b.ts"
import { apiKey, type FakeE2B } from "./e2b/fake.ts"
import { type Asked, askedRoutes } from "./local-sandboxes.ts"

const hostKey = Redacted.make<Uint8Array>(new Uint8Array(32).fill(7))

export const e2bSandboxes = (fake: FakeE2B, { template = "base", key = apiKey } = {}, asked: Asked = {}) =>
  E2BSandboxes.layer({ apiKey: Redacted.make(key), apiUrl: fake.url, sandboxUrl: fake.url, hostKey, template }).pipe(
    Layer.provide(askedRoutes(asked))
  )

/** For whoever has a key: costs a few cents and takes minutes. `template` must have Node 24 and git. */
export const liveSandboxes = (key: string, template: string) =>
  E2BSandboxes.layer({ apiKey: Redacted.make(key), hostKey, template }).pipe(Layer.provide(askedRoutes({})))
