export const guide = {
  overview: "Slack's channels and messages, as the bot that was installed: it reads and writes where it is a member.",
  tips: [
    "Channels and people are named by ids like C0123456789 and U0123456789: list_channels and list_users have them.",
    "A bot must be in a channel: where Slack says not_in_channel, somebody has to write `/invite @bot` there.",
    "Text is Slack's own mark-up: *bold*, _italic_, <https://example.com|a link>, <@U0123456789> for a person.",
    "To answer in a thread, give the `ts` of the message that began it as thread_ts."
  ]
}
