/** Redis. Keys are those of redis-benchmark, which knows one form only. */
import { fillOf, valueText } from '../keys.ts'
import { type Dialect, excerpt, WrongReply } from './reply.ts'

/** As `key:__rand_int__` of redis-benchmark: twelve digits. */
export const redisKey = (key: number): string => `key:${String(key).padStart(12, '0')}`

export const respCommand = (...words: readonly string[]): string =>
  `*${words.length}\r\n${words.map(word => `$${word.length}\r\n${word}\r\n`).join('')}`

export function respDialect(valueBytes: number): Dialect {
  const getHead = `$${valueBytes}\r\n`
  const getBytes = getHead.length + valueBytes + 2
  const fill = fillOf(valueBytes)
  return {
    greeting: () => '',
    request: (operation, key) =>
      operation === 'get'
        ? respCommand('GET', redisKey(key))
        : respCommand('SET', redisKey(key), valueText(key, valueBytes)),
    read(received, operation, key) {
      const isWhole = received.length >= (operation === 'get' ? getBytes : 5)
      if (!isWhole && received[0] !== 0x2d) return undefined
      const bytes = operation === 'get' ? getBytes : 5
      const text = received.toString('latin1', 0, bytes)
      // What redis-benchmark put has the length, but not the form of our values.
      const isRight =
        operation === 'put'
          ? text === '+OK\r\n'
          : text.startsWith(getHead) &&
            (!text.endsWith(`${fill}\r\n`) ||
              text.slice(getHead.length, -2) === valueText(key, valueBytes))
      if (!isRight) throw new WrongReply(excerpt(received))
      return { bytes, isReply: true }
    },
  }
}
