/**
 * Keys and values of the workloads. A value begins with its key's number, so that a reply with
 * another key's value is noticed; numbers have nine digits, so that all keys are equally long.
 */
const digitCount = 9
const fillText = ' denizen'

export const digitsOf = (key: number): string => String(key).padStart(digitCount, '0')

export const keyText = (key: number): string => `key-${digitsOf(key)}`

/** The part that all values of a size share. */
export const fillOf = (valueBytes: number): string =>
  fillText.repeat(Math.ceil(valueBytes / fillText.length)).slice(0, valueBytes - digitCount)

export const valueText = (key: number, valueBytes: number): string =>
  digitsOf(key) + fillOf(valueBytes)
