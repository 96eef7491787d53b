/**
 * What traffic between regions costs: the sender pays by the gigabyte, by the country it sends
 * from. A provider's list prices without discounts, taken as everybody's: an assumption.
 *
 * Source: AWS data transfer from a region to another, as recorded in the Skyplane project (Jain et
 * al., NSDI 2023), skyplane/data/aws_transfer_costs.csv, as of 2023. The Emirates are priced as
 * Bahrain, the provider's nearest region in that table.
 */

const europe = 0.02
const usdPerGbByCountry: Readonly<Record<string, number>> = {
  ...{ US: 0.02, CA: 0.02, BR: 0.138 },
  ...{ DE: europe, IE: europe, GB: europe, FR: europe, IT: europe, SE: europe, NL: europe },
  ...{ CH: europe, ES: europe, PL: europe, FI: europe, NO: europe, AT: europe, BE: europe },
  ...{ ZA: 0.147, AE: 0.1105, IN: 0.086 },
  ...{ SG: 0.09, HK: 0.09, JP: 0.09, KR: 0.08, ID: 0.1, AU: 0.098 },
}
/** Assumption for countries that the table does not have: what most of Asia costs. */
const otherUsdPerGb = 0.09

/** Bytes of a gigabyte, as providers bill it. */
export const bytesPerGb = 1e9

export const usdPerGbFrom = (country: string): number => usdPerGbByCountry[country] ?? otherUsdPerGb
