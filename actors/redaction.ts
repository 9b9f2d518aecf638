/**
 * Takes secrets out of what people and agents are shown: by the name under which a value stands, by what a token looks like, and by
 * the very secrets that are known. Time is linear in what is looked at, whatever it holds; a text is cut where no secret is in half.
 */
export const mark = "[redacted]"

const sensitiveWords =
  /token|secret|password|passwd|passphrase|authorization|apikey|privatekey|accesskey|signingkey|encryptionkey|cookie|credential/

/** A value under this name is not shown. A number of `…tokens` counts something. */
export const isSensitive = (name: string, value: unknown): boolean => {
  const plain = name
    .slice(0, 200)
    .toLowerCase()
    .replace(/[^a-z]/g, "")
  return sensitiveWords.test(plain) && !(typeof value === "number" && plain.endsWith("tokens"))
}

const name = String.raw`(?:token|secret|passw(?:or)?d|passphrase|authorization|api[_-]?key|private[_-]?key|access[_-]?key|signing[_-]?key|encryption[_-]?key|cookie|credential|signature)[\w-]{0,40}`
const inQuotes = String.raw`"(?:[^"\\]|\\.)*|'(?:[^'\\]|\\.)*|\\+["'][^"'\\]*`
const bare = String.raw`[^\s"'\\,;&<>{}()[\]]{6,}`

/** None can be made slow: what may be long is followed by nothing that may fail, or is begun once. */
const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g, mark],
  [/gh[a-z]_[A-Za-z0-9]{8,}|github_pat_\w{8,}|glpat-[\w-]{8,}|npm_[A-Za-z0-9]{16,}|plf_[\w-]{8,}/g, mark],
  [/xox[a-z](?:\.xox[a-z])?-[\w-]{8,}|xapp-[\w-]{8,}|lin_(?:api|oauth)_\w{8,}|sntry[a-z]_[\w=+/-]{8,}/g, mark],
  [/(?<![A-Za-z0-9])(?:[srp]k[-_][\w-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}|ya29\.[\w-]{8,})/g, mark],
  [/(?<![\w-])eyJ[\w-]{8,1024}\.[\w-]{4,}(?:\.[\w-]*)?/g, mark],
  [/(hooks\.slack\.com\/services\/)[\w/]{8,}/g, `$1${mark}`],
  [/(:\/\/[^\s/:@]{0,256}:)[^\s/@]{1,1024}@/g, `$1${mark}@`],
  [/((?:bearer|basic)\s{1,4})[\w.~+/=:-]{6,}/gi, `$1${mark}`],
  [
    new RegExp(
      String.raw`(["'](?:name|key)\\*["']\s{0,4}:\s{0,4}\\*["'][\w-]{0,40}${name}\\*["']\s{0,4},\s{0,4}\\*["']value\\*["']\s{0,4}:\s{0,4})(?:${inQuotes}|${bare})`,
      "gi"
    ),
    `$1${mark}`
  ],
  [
    new RegExp(String.raw`(${name}\\*["']?\s{0,4}(?:=>|[:=])\s{0,4})(?!bearer\s|basic\s)(?:${inQuotes}|${bare})`, "gi"),
    `$1${mark}`
  ]
]

/** A header, a variable: its name stands beside its value. */
export const isSecretPair = (fields: Readonly<Record<string, unknown>>): boolean =>
  [fields["name"], fields["key"]].some((word) => typeof word === "string" && isSensitive(word, null))

/** JSON that came as text is looked at as what it is, up to this length. */
const jsonCharactersMax = 16_384

const redactJson = (text: string): string => {
  if (!/^\s{0,20}["[{]/.test(text) || text.length > jsonCharactersMax) return text
  try {
    let isChanged = false
    const hidden = (was: unknown) => {
      if (was === null || typeof was === "boolean" || was === mark) return was
      isChanged = true
      return mark
    }
    const told = JSON.parse(text, (name, value) => {
      if (isSensitive(name, value)) return hidden(value)
      if (typeof value === "object" && value !== null && "value" in value && isSecretPair(value))
        value.value = hidden(value.value)
      if (typeof value !== "string") return value
      const inner = redactJson(value)
      isChanged ||= inner !== value
      return inner
    })
    return isChanged ? JSON.stringify(told) : text
  } catch {
    return text
  }
}

/** `secrets` are known to be secret; one that is shorter than this is a word. */
const secretCharactersMin = 6

export const redactText = (text: string, secrets: ReadonlyArray<string> = []): string =>
  patterns.reduce(
    (told, [pattern, by]) => told.replace(pattern, by),
    secrets.reduce(
      (told, secret) => (secret.length < secretCharactersMin ? told : told.replaceAll(secret, mark)),
      redactJson(text)
    )
  )

/** So far before a cut a secret may begin that no pattern knows yet: a user's name before a password, the head of a JWT. */
const marginCharacters = 2_048

/** The beginning of a long text. What may be half of a secret, at the end of what was looked at, is not shown. */
export const redactStart = (text: string, charactersMax: number, secrets: ReadonlyArray<string> = []): string => {
  const margin = secrets.reduce((longest, { length }) => Math.max(longest, length), marginCharacters)
  if (text.length <= charactersMax + margin) return redactText(text, secrets).slice(0, charactersMax)
  const told = redactText(text.slice(0, charactersMax + margin), secrets)
  return told.slice(0, Math.min(charactersMax, Math.max(0, told.length - margin)))
}
