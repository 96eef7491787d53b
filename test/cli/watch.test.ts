/** `denizen watch` follows a watch over the ends of its connections. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CliError } from '../../src/cli/exit-codes.ts'
import { ConnectionFailure } from '../../src/cli/http-client.ts'
import { follow, type WatchListener } from '../../src/cli/watch/follow.ts'
import { type GivenReply, jsonReply, withServer } from './http-server.ts'
import { runHere } from './run-here.ts'

const events = (body: string): GivenReply => ({
  status: 200,
  headers: { 'content-type': 'text/event-stream' },
  body,
})
const change = (data: object, id?: string): string =>
  `event: change\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`
const live = (id: string): string => `event: live\nid: ${id}\ndata: {}\n\n`

/** What a listener heard, one word each. */
function recording(): { heard: string[]; listener: WatchListener } {
  const heard: string[] = []
  const listener: WatchListener = {
    onChange: ({ key, value, deleted }) => heard.push(deleted ? `-${key}` : `${key}=${value}`),
    onLive: () => heard.push('live'),
    onRestart: () => heard.push('restart'),
    onInterruption: () => heard.push('interruption'),
  }
  return { heard, listener }
}

test('it goes on at its cursor, and starts again where that is too old', async () => {
  const asked: (string | null)[] = []
  const stop = new AbortController()
  const replies: readonly (() => GivenReply | 'reset')[] = [
    () =>
      events(
        `:\n\n${change({ key: 'a', value: 1 })}${live('x~1')}${change({ key: 'b', value: 2 })}`,
      ),
    () => 'reset',
    () => events(`:\nid: x~2\n\n${change({ key: 'a', deleted: true })}`),
    () => jsonReply(503, { code: 'not_ready', title: 'it starts' }),
    () => jsonReply(410, { code: 'cursor_too_old', title: 'too old' }),
    () => {
      stop.abort()
      return events(`${change({ key: 'b', value: 3 })}${live('y~1')}`)
    },
  ]
  const { heard, listener } = recording()
  await withServer(
    ({ path }) => {
      asked.push(new URL(path, 'http://a').searchParams.get('since'))
      return replies[asked.length - 1]?.() ?? 'reset'
    },
    url => follow({ url, dataset: 'cities', prefix: '', signal: stop.signal }, listener),
  )
  assert.equal(asked, [null, 'x~1', 'x~1', 'x~2', 'x~2', null])
  assert.equal(heard.slice(0, 5), ['a=1', 'live', 'b=2', 'interruption', '-a'])
  assert.ok(heard.includes('restart'))
})

test('it follows a redirect, and tells what can not begin', async () => {
  const { listener } = recording()
  const query = { dataset: 'cities', prefix: '', signal: new AbortController().signal }
  const paths: string[] = []
  await withServer(
    ({ path }) => {
      paths.push(path.replace(/\?.*/, ''))
      return path.startsWith('/v1')
        ? { status: 307, headers: { location: '/there' } }
        : jsonReply(403, { code: 'forbidden', title: 'no' })
    },
    async url => {
      const failed = await follow({ ...query, url }, listener).catch((error: unknown) => error)
      assert.instance(failed, CliError)
    },
  )
  assert.equal(paths, ['/v1/watch/cities', '/there'])
  const url = 'http://127.0.0.1:1'
  const failed = await follow({ ...query, url }, listener).catch((error: unknown) => error)
  assert.instance(failed, ConnectionFailure)
  const run = await runHere(['watch', 'cities', '--url', url])
  assert.is(run.code, 3)
  assert.match(run.stderr, /no node answers at .*denizen dev/s)
})

test.run()
