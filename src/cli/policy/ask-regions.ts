/** What `policy plan` and `policy report` ask of the regions of a living cluster. */
import { censusSchema } from '../../api/routes/policy.ts'
import type { Census, PolicyInForce } from '../../model/home-census.ts'
import type { PolicyData } from '../../model/placement.ts'
import { policyInForceSchema } from '../../node/policy-in-force.ts'
import type { ClusterView } from '../../routing/service.ts'
import { clusterView } from '../cluster-view.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { ask, askData, decodeData } from '../http-client.ts'

/** A region's answer, or why there is none. */
export type Asked<T> = { readonly region: string } & (
  | { readonly answer: T }
  | { readonly failure: string }
)

/** Throws `CliError`. */
export async function policyInForce(url: string): Promise<PolicyInForce> {
  const parsed = policyInForceSchema.safeParse(await askData(url, '/v1/admin/policy'))
  if (parsed.success) return parsed.data
  throw new CliError(
    exitCodes.failed,
    'the node tells its policy in a form that this version does not know',
    'Use the denizen of the version that the node runs: denizen status shows it.',
  )
}

/** Asks each region of the cluster at the address that it advertises; the first at `url`. */
export async function askRegions<T>(
  url: string,
  view: ClusterView,
  question: (url: string, region: string) => Promise<T>,
): Promise<Asked<T>[]> {
  return await Promise.all(
    view.regions.map(async ({ region, self, url: advertised }) => {
      const address = self ? url : advertised
      if (address === undefined) return { region, failure: 'its address is not known yet' }
      try {
        return { region, answer: await question(address, region) }
      } catch (error) {
        if (!(error instanceof CliError)) throw error
        return { region, failure: error.message }
      }
    }),
  )
}

/** Of the node that answers there, which has to be of the region that is meant. */
export async function viewOf(url: string, region: string): Promise<ClusterView> {
  const view = await clusterView(url)
  if (view.region === region) return view
  throw new CliError(exitCodes.failed, `${url} is ${view.region}, not ${region}`)
}

const path = '/v1/admin/policy/census'
const lookEveryMs = 200

/** Has a region count where homes are and would be. Throws `CliError`. */
export async function census(
  url: string,
  desired: PolicyData,
  onProgress: (census: Census) => void,
): Promise<Census> {
  const headers = { accept: 'application/json', 'content-type': 'application/json' }
  const body = new TextEncoder().encode(JSON.stringify(desired))
  const begun = await ask({ method: 'POST', url, path, headers, body })
  let counted: Census = censusSchema.parse(decodeData(begun))
  const { number } = counted
  while (counted.running) {
    await new Promise(resolve => setTimeout(resolve, lookEveryMs))
    counted = censusSchema.parse(await askData(url, path))
    if (counted.number !== number) {
      throw new CliError(exitCodes.failed, 'its count was replaced by one for another plan')
    }
    onProgress(counted)
  }
  if (counted.failure === undefined) return counted
  throw new CliError(exitCodes.failed, `its count failed: ${counted.failure}`)
}
