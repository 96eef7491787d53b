/** How a server is asked for one key and how its reply is read: what the generator speaks. */
import { etcdDialect } from './etcd-dialect.ts'
import { httpDialect } from './http-dialect.ts'
import { natsDialect } from './nats-dialect.ts'
import type { Dialect, DialectOptions } from './reply.ts'
import { respDialect } from './resp-dialect.ts'

export function dialectOf(options: DialectOptions, valueBytes: number): Dialect {
  switch (options.kind) {
    case 'http':
      return httpDialect(options, valueBytes)
    case 'etcd':
      return etcdDialect(valueBytes)
    case 'resp':
      return respDialect(valueBytes)
    case 'nats':
      return natsDialect(options, valueBytes)
  }
}
