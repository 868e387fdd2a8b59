import { expect, test } from 'vitest'
import { exampleFinding, exampleIncident } from './example'
import { bounded, graphOf, sentences } from './graph'

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
