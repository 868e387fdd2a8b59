import { expect, test } from 'vitest'
import { exampleFinding, exampleIncident } from './example'
import { bounded, columnsOf, graphOf, sentences } from './graph'

test('findings that name two things join them', () => {
  const graph = graphOf(exampleIncident({ service: 'shop' }), [
    exampleFinding({ id: '1' }),
    exampleFinding({ id: '2' }),
  ])
  expect(graph.nodes.map((node) => [node.id, node.findings])).toEqual([
    ['rule:r1', 2],
    ['actor:ci-deployer', 2],
    ['address:203.0.113.7', 2],
    ['service:shop', 2],
  ])
  const joined = graph.edges.map((edge) => `${edge.from} ${edge.kind} ${edge.to} ${String(edge.count)}`)
  expect(joined).toContain('actor:ci-deployer with address:203.0.113.7 2')
})

test('the text says every connection that the picture has', () => {
  const graph = graphOf(exampleIncident(), [exampleFinding()])
  const said = sentences(graph).reduce((sum, sentence) => sum + sentence.with.length, 0)
  expect(said).toBe(graph.edges.length * 2)
})

test('a large graph is cut to what is named most, and says so', () => {
  const nodes = Array.from({ length: 100 }, (_, index) => ({
    id: String(index),
    kind: 'host',
    label: String(index),
    findings: index,
  }))
  const cut = bounded({ nodes, edges: [{ from: '99', to: '0', kind: 'with', count: 1 }] }, 10)
  expect(cut.nodes.map((node) => node.id)).toEqual(['99', '98', '97', '96', '95', '94', '93', '92', '91', '90'])
  expect(cut.edges).toEqual([])
  expect(cut.truncated).toBe(true)
})

test('the picture has rules at the left, and every other thing but the incident itself at the right', () => {
  const node = (id: string, findings: number) => ({ id, kind: id.split(':')[0] ?? '', label: id, findings })
  const edge = (from: string, to: string) => ({ from, to, kind: 'matched', count: 1 })
  const columns = columnsOf({
    nodes: [
      node('incident:1', 9),
      node('incident:2', 0),
      node('rule:a', 1),
      node('rule:b', 5),
      node('host:x', 2),
      node('actor:y', 9),
    ],
    edges: [
      edge('rule:a', 'host:x'),
      edge('actor:y', 'rule:b'),
      edge('incident:1', 'incident:2'),
      edge('actor:y', 'host:x'),
    ],
  })
  expect(columns.rules.map(({ id }) => id)).toEqual(['rule:b', 'rule:a'])
  expect(columns.kinds.map(({ kind }) => kind)).toEqual(['actor', 'host', 'incident'])
  expect(columns.kinds.at(-1)?.nodes.map(({ id }) => id)).toEqual(['incident:2'])
  expect(columns.edges.map(({ from, to }) => `${from} ${to}`)).toEqual(['rule:a host:x', 'rule:b actor:y'])
})
