/** What a browser is shown of the API: plain HTML, no script, every word escaped. */

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }
export const text = (value: string): string => value.replace(/[&<>"']/g, (character) => escapes[character]!)

export const page = (title: string, ...parts: ReadonlyArray<string>): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${text(title)}</title><h1>${text(title)}</h1>${parts.join("\n")}</html>\n`
export const said = (words: string): string => `<p>${text(words)}</p>`

/** It asks for HTML by name, as browsers do when a person goes somewhere. */
export const takesPages = ({ accept = "" }: Readonly<Record<string, string>>): boolean => /(^|,)\s*text\/html\b/i.test(accept)
