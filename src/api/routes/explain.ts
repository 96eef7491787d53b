/** GET /v1/explain/{dataset}/{key}: where a key lives, and why. */
import { admit } from '../admission.ts'
import { route } from '../declare.ts'
import { contextHeaders, keyPath, viaQuery } from '../schemas.ts'
import { keyTarget } from '../target.ts'
import { explanationSchema } from '../view-schemas.ts'

export const explainKey = route({
  method: 'GET',
  path: '/v1/explain/{dataset}/{key}',
  id: 'explainKey',
  summary: 'Where the key lives, why, and what forbids the other regions',
  mutates: false,
  needs: 'read',
  parameters: keyPath,
  query: viaQuery,
  headers: contextHeaders.pick({ 'Denizen-Redirect': true }),
  replies: {
    200: {
      description: 'Placement and reasons',
      content: {
        'application/json': { schema: explanationSchema },
        'application/cbor': { schema: explanationSchema },
      },
    },
  },
  errors: ['bad_key', 'registrar_unavailable'],
  async handle(exchange, inputs) {
    const { dataset, key } = keyTarget(exchange.target.path, '/v1/explain/')
    // The key itself may be personal data: whoever may not serve it may not explain it either.
    admit(exchange, dataset, key, inputs.query().via)
    const explanation = await exchange.timed('service', exchange.service.explain(dataset, key))
    return exchange.structured(200, explanation)
  },
})
