/** What a session is called until someone renames it: the first line of its first prompt. */

const titleCharactersMax = 80

/** As far as it is a title: one line that shows, cut with an ellipsis. Empty where there is no word in it. */
export const titleFrom = (text: string): string => {
  const line = text
    .trim()
    .split(/[\r\n]/, 1)[0]!
    .replace(/[\p{Cc}\p{Cs}]+/gu, " ")
    .trim()
  const characters = [...line]
  return characters.length <= titleCharactersMax
    ? line
    : `${characters
        .slice(0, titleCharactersMax - 1)
        .join("")
        .trimEnd()}…`
}
