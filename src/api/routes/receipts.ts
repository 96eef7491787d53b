/** The keys that sign receipts: public to whoever wants to verify one, replaced by operators. */
import { z } from 'zod'
import type { Administration } from '../administration.ts'
import { audited } from '../audited.ts'
import { noParameters, type Route, route } from '../declare.ts'

const plain = { parameters: noParameters, query: noParameters, headers: z.object({}) } as const

export const receiptKeysSchema = z.object({
  cluster: z.string(),
  clusterId: z.string(),
  keys: z.array(
    z.object({
      id: z.string().meta({ description: 'What receipts name as keyId' }),
      public: z.string().meta({ description: 'Ed25519: SubjectPublicKeyInfo, DER in base64' }),
      sinceMs: z.int(),
      untilMs: z.int().exactOptional().meta({ description: 'Absent while it signs' }),
    }),
  ),
})

const reply = {
  200: {
    description: 'All keys that ever signed, the one that signs last',
    content: { 'application/json': { schema: receiptKeysSchema } },
  },
}

const list = (administration: Administration): Route =>
  route({
    ...plain,
    method: 'GET',
    path: '/v1/receipts/keys',
    id: 'receiptKeys',
    summary: 'The public keys of receipts',
    needs: 'nothing',
    mutates: false,
    replies: reply,
    errors: ['not_ready'],
    handle: async exchange => exchange.structured(200, administration.receiptKeys()),
  })

const rotate = (administration: Administration): Route =>
  route({
    ...plain,
    method: 'POST',
    path: '/v1/admin/receipts/rotate',
    id: 'rotateReceiptKey',
    summary: 'Has a new key sign receipts from now on',
    description:
      'The private half of the key before is forgotten; what it has signed still verifies.',
    needs: 'admin',
    mutates: true,
    replies: reply,
    errors: ['not_ready', 'upgrade_refused', 'coordinator_unavailable'],
    async handle(exchange) {
      const act = { what: 'receipts.rotate' }
      const keys = await audited(exchange, administration, act, () =>
        exchange.timed('rotate', administration.rotateReceiptKey()),
      )
      return exchange.structured(200, keys)
    },
  })

export const receiptRoutes = (administration: Administration): readonly Route[] => [
  list(administration),
  rotate(administration),
]
