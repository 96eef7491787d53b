export const valueBytes = 100

/** What every PUT writes and every GET has to return. */
export const benchValue = 'denizen '.repeat(13).slice(0, valueBytes)
