import { Anchor } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import type { Graph, GraphNode } from '../api/pending'
import { count } from '../time/format'
import { columnsOf } from './graph'
import classes from './graph-picture.module.css'
import { shortEntity, shortTitle } from './naming'

const ROW_PX = 26
const HEAD_PX = 22
const BAND_PX = 100

/** What found what: rules at the left, whom and what they name at the right, by kind; a line for each that belongs together. */
export function GraphPicture({ graph }: { graph: Graph }) {
  const columns = useMemo(() => columnsOf(graph), [graph])
  const [over, setOver] = useState<string | null>(null)
  const place = new Map<string, number>()
  let bottom_px = HEAD_PX
  for (const { id } of columns.rules) {
    place.set(id, bottom_px + ROW_PX / 2)
    bottom_px += ROW_PX
  }
  let right_px = 0
  for (const { nodes } of columns.kinds) {
    right_px += HEAD_PX
    for (const { id } of nodes) {
      place.set(id, right_px + ROW_PX / 2)
      right_px += ROW_PX
    }
  }
  const height = Math.max(bottom_px, right_px)
  const near = new Set(
    columns.edges.flatMap(({ from, to }) => (from === over ? [to] : to === over ? [from] : [])).concat(over ?? []),
  )
  const row = (node: GraphNode) => (
    <li
      key={node.id}
      data-near={near.has(node.id) || undefined}
      onMouseEnter={() => setOver(node.id)}
      onMouseLeave={() => setOver(null)}
      onFocus={() => setOver(node.id)}
      onBlur={() => setOver(null)}
    >
      <NodeLink node={node} />
      {node.findings ? <span className={classes.times}>{count(node.findings)}</span> : null}
    </li>
  )
  return (
    <div className={classes.picture} data-testid="graph" data-over={over !== null || undefined}>
      <section aria-label="Rules">
        <h3>Rules</h3>
        <ul>{columns.rules.map(row)}</ul>
      </section>
      <svg viewBox={`0 0 ${String(BAND_PX)} ${String(height)}`} preserveAspectRatio="none" height={height} aria-hidden>
        {columns.edges.map(({ from, to, count: times }) => {
          const [y1, y2] = [place.get(from) ?? 0, place.get(to) ?? 0]
          const d = `M0 ${String(y1)}C${String(BAND_PX / 2)} ${String(y1)} ${String(BAND_PX / 2)} ${String(y2)} ${String(BAND_PX)} ${String(y2)}`
          return (
            <path
              key={`${from} ${to}`}
              d={d}
              data-near={over === from || over === to || undefined}
              strokeWidth={Math.min(4, 1 + Math.log2(times) / 2)}
              vectorEffect="non-scaling-stroke"
            />
          )
        })}
      </svg>
      <div>
        {columns.kinds.map(({ kind, nodes }) => (
          <section key={kind} aria-label={kind}>
            <h3>{kind}</h3>
            <ul>{nodes.map(row)}</ul>
          </section>
        ))}
      </div>
    </div>
  )
}

/** Where a node leads to: rules to their page, what else there is to the incidents about it. */
function NodeLink({ node }: { node: GraphNode }) {
  const title = `${node.label}${node.findings ? `: in ${count(node.findings)} findings` : ''}`
  const id = node.id.slice(node.id.indexOf(':') + 1)
  if (node.kind === 'incident') {
    return (
      <Anchor size="sm" title={title} renderRoot={(props) => <Link {...props} to="/incidents/$id" params={{ id }} />}>
        {shortTitle(node.label)}
      </Anchor>
    )
  }
  if (node.kind === 'rule') {
    return (
      <Anchor size="sm" title={title} renderRoot={(props) => <Link {...props} to="/rules/$id" params={{ id }} />}>
        {node.label}
      </Anchor>
    )
  }
  return (
    <Anchor
      size="sm"
      title={title}
      className="mono"
      renderRoot={(props) => <Link {...props} to="/queue" search={{ entity: node.label, status: 'any' }} />}
    >
      {shortEntity(node.label, 40)}
    </Anchor>
  )
}
