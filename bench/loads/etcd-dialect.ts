/** etcd's JSON gateway: keys and values in base64. */
import { keyText, valueText } from '../keys.ts'
import { readHttpReply } from './http-reply.ts'
import { type Dialect, excerpt, WrongReply } from './reply.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

export const etcdDialect = (valueBytes: number): Dialect => ({
  greeting: () => '',
  request(operation, key) {
    const value = operation === 'put' ? `,"value":"${base64(valueText(key, valueBytes))}"` : ''
    const body = `{"key":"${base64(keyText(key))}"${value}}`
    const path = operation === 'put' ? '/v3/kv/put' : '/v3/kv/range'
    const head = `host: bench\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`
    return `POST ${path} HTTP/1.1\r\n${head}\r\n\r\n${body}`
  },
  read(received, operation, key) {
    const reply = readHttpReply(received)
    if (reply === undefined) return undefined
    const body = reply.body.toString('latin1')
    const sign =
      operation === 'put' ? '"revision":"' : `"value":"${base64(valueText(key, valueBytes))}"`
    if (reply.status !== 200 || !body.includes(sign)) {
      throw new WrongReply(`not what was put: ${excerpt(received)}`)
    }
    return { bytes: reply.bytes, isReply: true }
  },
})
