import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePorts } from '../../src/cli/dev/ports.ts'
import { CliError, exitCodes } from '../../src/cli/exit-codes.ts'
import { ask, askData, ConnectionFailure, send } from '../../src/cli/http-client.ts'
import { jsonReply, type SeenRequest, withServer } from './http-server.ts'

const failureOf = async (promise: Promise<unknown>): Promise<CliError> => {
  const failure = await promise.catch((error: unknown) => error)
  assert.instance(failure, CliError)
  return failure as CliError
}

test('a redirect is followed with method, headers and body', async () => {
  const seen: SeenRequest[] = []
  await withServer(
    request => {
      seen.push(request)
      return { status: 204 }
    },
    target =>
      withServer(
        ({ path }) => ({ status: 307, headers: { location: `${target}${path}?via=us-east` } }),
        async url => {
          const headers = { authorization: 'Bearer x', 'content-type': 'text/plain' }
          const body = Buffer.from('hello')
          const path = '/v1/kv/profiles/anna'
          const reply = await send({ method: 'PUT', url, path, headers, body })
          assert.is(reply.status, 204)
          assert.is(reply.url, `${target}/v1/kv/profiles/anna?via=us-east`)
        },
      ),
  )
  const [request] = seen
  assert.is(seen.length, 1)
  assert.is(request?.method, 'PUT')
  assert.is(request?.headers.authorization, 'Bearer x')
  assert.is(request?.body.toString(), 'hello')
})

test('redirects in a circle end', () =>
  withServer(
    ({ path }) => ({ status: 307, headers: { location: path } }),
    async url => {
      assert.is((await send({ method: 'GET', url, path: '/v1/kv/a/b' })).status, 307)
    },
  ))

test('a problem body becomes a failure with its action and exit code', async () => {
  const problem = { title: 'T', detail: 'D', code: 'not_ready', action: 'A' }
  const cases = [
    { status: 503, code: exitCodes.unreachable },
    { status: 404, code: exitCodes.failed },
    { status: 400, code: exitCodes.usage },
  ]
  for (const { status, code } of cases) {
    await withServer(
      () => jsonReply(status, problem, 'application/problem+json'),
      async url => {
        const failure = await failureOf(ask({ method: 'GET', url, path: '/v1/cluster' }))
        assert.is(failure.message, 'T: D [not_ready]')
        assert.is(failure.action, 'A')
        assert.is(failure.exitCode, code)
      },
    )
  }
})

test('something else than Denizen is told by its status', () =>
  withServer(
    () => ({ status: 502, headers: { 'content-type': 'text/html' }, body: '<html>' }),
    async url => {
      const failure = await failureOf(askData(url, '/v1/cluster'))
      assert.match(failure.message, /answered 502/)
    },
  ))

test('nobody there, and broken on the way, are no replies', async () => {
  const [port] = await freePorts(1)
  const request = { method: 'GET', path: '/' } as const
  const refused = await send({ ...request, url: `http://127.0.0.1:${port}` }).catch(
    (error: unknown) => error,
  )
  assert.instance(refused, ConnectionFailure)
  assert.is((refused as ConnectionFailure).message, 'ECONNREFUSED')
  await withServer(
    () => 'reset',
    async url => {
      const broken = await send({ ...request, url }).catch((error: unknown) => error)
      assert.instance(broken, ConnectionFailure)
    },
  )
})

test.run()
