/** Slack's client library, which speaks through the `fetch` of one call and keeps its words to itself. */
import type { SlackClient } from "./actions.ts"

const nothing = () => {}
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing, setLevel: nothing, setName: nothing }

export const slackClient = async (url: string, token: string, fetch: typeof globalThis.fetch): Promise<SlackClient> => {
  const { WebClient, LogLevel } = await import("@slack/web-api")
  const logger = { ...silent, getLevel: () => LogLevel.ERROR }
  return new WebClient(token, {
    slackApiUrl: `${url}/api/`,
    allowAbsoluteUrls: false,
    fetch: (input, init) => fetch(input, init as RequestInit),
    // Whether a call may be made again is decided elsewhere.
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    // What goes wrong is told by the error, without what was sent.
    logger
  })
}
