import type { PlanetReport } from '../../simulation/planet/report.ts'
export const planetSvg = (report: PlanetReport): string => `${report.seed}`
