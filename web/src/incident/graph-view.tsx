import { Anchor, SegmentedControl, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import type { Graph, WholeIncident } from '../api/pending'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { GraphPicture } from './graph-picture'
import { bounded, graphOf, sentences } from './graph'
import { graphQuery } from './incident'
import classes from './incident.module.css'

/** The server gives at most so many. */
const SERVER_NODES_MAX = 100

/** Who and what the findings name, as a picture and as text that says the same. */
export function GraphView({ whole }: { whole: WholeIncident }) {
  const [as, setAs] = useState('picture')
  const asked = useQuery(graphQuery(whole.incident.id))
  const graph = useMemo(
    () => (asked.data ? bounded(asked.data, SERVER_NODES_MAX) : graphOf(whole.incident, whole.findings.items)),
    [asked.data, whole],
  )
  if (asked.isPending) return <Loading />
  if (asked.isError) return <ProblemNote error={asked.error} what="The graph" retry={() => void asked.refetch()} />
  return (
    <>
      <SegmentedControl
        value={as}
        onChange={setAs}
        data={[
          { value: 'picture', label: 'Picture' },
          { value: 'text', label: 'Text' },
        ]}
        aria-label="Show as"
      />
      {as === 'picture' ? <GraphPicture graph={graph} /> : <GraphText graph={graph} />}
      {graph.truncated ? <Text className="dim">Only the entities that are named most often are shown.</Text> : null}
    </>
  )
}

function GraphText({ graph }: { graph: Graph }) {
  return (
    <ul className={classes.sentences}>
      {sentences(graph).map(({ node, with: others }) => (
        <li key={node.id}>
          <span className="dim">{node.kind}</span>{' '}
          {node.kind === 'rule' || node.kind === 'finding' || node.kind === 'incident' ? (
            <b className="wrap">{node.label}</b>
          ) : (
            <Anchor
              size="sm"
              className="wrap"
              renderRoot={(props) => <Link {...props} to="/queue" search={{ entity: node.label, status: 'any' }} />}
            >
              {node.label}
            </Anchor>
          )}
          {node.findings ? <span className="dim"> · in {node.findings} findings</span> : null}
          {others.length > 0 ? (
            <div className="dim wrap">
              with{' '}
              {others
                .slice(0, 6)
                .map((other) => `${other.kind} ${other.label}`)
                .join('; ')}
              {others.length > 6 ? ` and ${String(others.length - 6)} more` : ''}
            </div>
          ) : null}
        </li>
      ))}
    </ul>
  )
}
