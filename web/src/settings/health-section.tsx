import { Alert } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { call } from '../api/client'
import { ApiError } from '../api/problem'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { Section } from '../layout/page'
import { count } from '../time/format'
import { samples, total } from './metrics'
import classes from './settings.module.css'

const SHOWN = [
  { name: 'huecry_events_total', word: 'Records that became events', good: null },
  { name: 'huecry_duplicates_total', word: 'Records delivered again', good: null },
  { name: 'huecry_pipeline_lag_records', word: 'Records not yet worked on', good: 0 },
  { name: 'huecry_findings_total', word: 'Rule matches written', good: null },
  { name: 'huecry_rules_loaded', word: 'Rules in force', good: null },
  { name: 'huecry_rules_refused', word: 'Rule documents refused', good: 0 },
  { name: 'huecry_catalog_services', word: 'Services of the catalogue', good: null },
  { name: 'huecry_catalog_faults', word: 'Faults of the catalogue’s files', good: 0 },
] as const

/** Whether the server can work, and how far it is. Figures are of this process, since it started. */
export function HealthSection() {
  const ready = useQuery({
    queryKey: ['readyz'],
    queryFn: async () => {
      try {
        await call('GET', '/readyz')
        return null
      } catch (error) {
        if (error instanceof ApiError) return error
        throw error
      }
    },
    refetchInterval: 5_000,
  })
  const metrics = useQuery({
    queryKey: ['metrics'],
    queryFn: async () => samples(await (await call('GET', '/metrics')).text()),
    refetchInterval: 5_000,
    retry: false,
  })
  return (
    <>
      <Section title="Health">
        {ready.isPending ? <Loading lines={1} /> : null}
        {ready.data === null ? (
          <Alert variant="light" title="The server is ready">
            It takes records, and its log and store can be written.
          </Alert>
        ) : null}
        {ready.data ? <ProblemNote error={ready.data} what="Not ready" /> : null}
      </Section>
      <Section title="Since this process started" about="All figures are at /metrics, for Prometheus.">
        {metrics.isError ? <ProblemNote error={metrics.error} what="Figures" /> : null}
        {metrics.data ? (
          <dl className={classes.figures}>
            {SHOWN.map(({ name, word, good }) => {
              const value = total(metrics.data, name)
              return (
                <div key={name}>
                  <dt>{word}</dt>
                  <dd>
                    {value === null ? <span className="dim">not measured</span> : count(value)}
                    {good !== null && value !== null && value > good ? (
                      <span className={classes.wrong}> ▲ look here</span>
                    ) : null}
                  </dd>
                </div>
              )
            })}
          </dl>
        ) : null}
      </Section>
    </>
  )
}
