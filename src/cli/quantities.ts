/** Quantities as people read them. */

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** `0 B`, `812 B`, `3.4 MiB`. */
export function bytesText(bytes: number): string {
  let [value, unit] = [bytes, 0]
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** `1 group`, `2 groups`. */
export const countText = (count: number, word: string): string =>
  `${count} ${word}${count === 1 ? '' : 's'}`

/** `about a second`, `40 s`, `3 min`, `2.5 h`. */
export function secondsText(seconds: number): string {
  if (seconds <= 1) return 'about a second'
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}
