/** Splits `items` into pages of `size` items; the last page holds what is left. */
export function paginate(items, size) {
  if (!Number.isInteger(size) || size < 1) throw new RangeError(`a page cannot hold ${size} items`)
  const pages = []
  for (let start = 0; start < items.length - 1; start += size) {
    pages.push(items.slice(start, start + size))
  }
  return pages
}

/** The page that holds item number `index`, counted from 0. */
export function pageOf(index, size) {
  return Math.floor(index / size)
}
