import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { parse } from 'yaml'
import { settingsOf } from '../../src/config/setting.ts'
import { features, valuesOf } from './chart-features.ts'
import { pairwise } from './pairwise.ts'
import { parseCommandLine } from './parse-command-line.ts'
import { chart, type Document, kubernetesVersions, type Release, render } from './rendered-chart.ts'
import { helmProgram, howToGetThem, schemasFolder } from './tools.ts'

/** Variables of a pod that are not those of a flag. */
const notOfVgm = ['POD_NAME', 'NODE_OPTIONS']

const helm = helmProgram()!
const schemas = schemasFolder()
const folder = mkdtempSync(join(tmpdir(), 'vgm-chart-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const release = (...pieces: object[]): Release => render(helm, folder, valuesOf(pieces))
const everything = {
  sample: { enabled: true },
  normalize: { stats: true },
  drift: { enabled: true },
  restore: { enabled: true },
  fit: { once: true, schedule: '0 3 * * *' },
  refit: { enabled: true },
  replay: { enabled: true, model: 3 },
}
const secured = {
  kafka: {
    securityProtocol: 'SASL_SSL',
    tls: { existingSecret: 'kafka-tls' },
    sasl: { mechanism: 'SCRAM-SHA-256', existingSecret: 'kafka-login' },
  },
  schemaRegistry: { auth: { existingSecret: 'registry-login' } },
}

if (helm === undefined) process.stderr.write(`THE CHART IS NOT TESTED: no helm here; ${howToGetThem}\n`)
else if (schemas === undefined) process.stderr.write(`The chart is not validated: no schemas here; ${howToGetThem}\n`)

suite('the Helm chart', { skip: helm === undefined && `no helm here; ${howToGetThem}` }, () => {
  test('has nothing that helm lint finds', () => {
    const told = ['dataset=d', 'kafka.brokers=k:9092', 'schemaRegistry.url=http://r:8080']
    const set = told.flatMap((each) => ['--set', each])
    execFileSync(helm, ['lint', '--strict', chart, ...set, '--kube-version', '1.34.0'], { encoding: 'utf8' })
  })

  test('is valid, and vgm knows its command lines, whatever two features meet', async () => {
    const combinations = pairwise(features)
    ok(combinations.length > 20)
    const seen = new Map<string, Document>()
    for (const combination of combinations) {
      const pieces = Object.values(combination) as object[]
      if (tokenWithKeda(valuesOf(pieces))) {
        throws(() => release(...pieces), /KEDA cannot log in with a token/)
        continue
      }
      const { documents, pods, config } = release(...pieces)
      const names = documents.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
      equal(new Set(names).size, names.length, names.join(', '))
      for (const document of documents) seen.set(JSON.stringify(document), document)
      for (const { spec } of pods)
        for (const { args, env } of spec.containers) {
          const command = await parseCommandLine(args, config, folder)
          const known = new Set([...settingsOf(command).map(({ variable }) => variable), ...notOfVgm])
          const unknown = env.filter(({ name }: Document) => !known.has(name))
          deepEqual(unknown, [], `variables that vgm ${command.name()} does not read`)
        }
    }
    if (schemas === undefined) return
    const { faults, unknown } = validate([...seen.values()])
    deepEqual(faults, [])
    deepEqual(unknown, [
      'keda.sh/v1alpha1/ScaledObject',
      'keda.sh/v1alpha1/TriggerAuthentication',
      'monitoring.coreos.com/v1/PrometheusRule',
      'monitoring.coreos.com/v1/ServiceMonitor',
    ])
  })

  test('a flag that vgm does not know, in an argument or in the file, is found', async () => {
    const { config } = release()
    await rejects(
      parseCommandLine(['normalize', '--config', '/vgm.yaml', '--nombers', '1'], config, folder),
      /--nombers/,
    )
    await rejects(parseCommandLine(['normalize', '--config', '/vgm.yaml'], `${config}\nclop: 1\n`, folder), /"clop"/)
    await rejects(parseCommandLine(['normalize'], '', folder), /--dataset/)
  })

  test('what the values say reaches the command', async () => {
    const values = {
      ...everything,
      normalize: { members: 4, model: 7, stats: true },
      logLevel: 'debug',
      modelsTopic: 'm',
    }
    const { pods, config } = release(values)
    const options = new Map<string, Record<string, unknown>>()
    for (const { spec } of pods) {
      const command = await parseCommandLine(spec.containers[0].args, config, folder)
      options.set(command.name(), command.opts())
    }
    deepEqual([...options.keys()].sort(), ['doctor', 'drift', 'fit', 'normalize', 'replay', 'restore', 'sample'])
    for (const { dataset, brokers, registry, modelsTopic, logLevel } of options.values()) {
      equal(dataset, 'trips')
      equal(brokers, 'kafka-0:9092,kafka-1:9092')
      equal(registry, 'https://registry.example/apis/ccompat/v7')
      equal(modelsTopic, 'm')
      equal(logLevel, 'debug')
    }
    equal(options.get('normalize')?.members, 4)
    equal(options.get('normalize')?.model, 7)
    equal(options.get('sample')?.rate, 0.01)
    equal(options.get('replay')?.model, 3)
  })

  test('every pod keeps to the restricted profile of the pod security standards', () => {
    const { pods } = release(everything)
    equal(pods.length, 9)
    for (const { metadata, spec } of pods) {
      equal(spec.securityContext.runAsNonRoot, true, metadata.owner)
      equal(spec.securityContext.seccompProfile.type, 'RuntimeDefault')
      equal(spec.automountServiceAccountToken, false)
      for (const { securityContext, resources } of spec.containers) {
        equal(securityContext.allowPrivilegeEscalation, false)
        equal(securityContext.readOnlyRootFilesystem, true)
        deepEqual(securityContext.capabilities, { drop: ['ALL'] })
        ok(resources.limits.memory)
      }
    }
  })

  test('a StatefulSet has static members by the names of its pods, a Deployment has none', () => {
    for (const kind of ['Deployment', 'StatefulSet']) {
      const { documents } = release({ normalize: { kind } })
      const { spec } = documents.find((document) => document.kind === kind)
      const { args, env } = spec.template.spec.containers[0]
      const isNamed = kind === 'StatefulSet'
      equal(args.includes('$(POD_NAME)'), isNamed)
      equal(args[args.indexOf('$(POD_NAME)') - 1] === '--instance', isNamed)
      equal(
        env.some(({ name }: Document) => name === 'POD_NAME'),
        isNamed,
      )
      if (isNamed) ok(documents.some((each) => each.kind === 'Service' && each.metadata.name === spec.serviceName))
    }
  })

  test('only stages are probed, and they are given less time to drain than the pod', () => {
    const { pods } = release(everything, { pods: { terminationGracePeriodSeconds: 40 } })
    for (const { metadata, spec } of pods) {
      const [{ env, args, ...container }] = spec.containers
      const isStage = ['sample', 'normalize', 'restore', 'drift'].includes(args[0]) || args.includes('--follow')
      const value = (name: string) => env.find((variable: Document) => variable.name === name)?.value
      equal(container.livenessProbe?.httpGet.path, isStage ? '/livez' : undefined, metadata.owner)
      equal(container.readinessProbe?.httpGet.path, isStage ? '/readyz' : undefined)
      equal(value('VGM_HTTP'), isStage ? '0.0.0.0:9464' : undefined)
      equal(value('VGM_GRACE_MS'), isStage ? '35000' : undefined)
      equal(spec.terminationGracePeriodSeconds, 40)
    }
  })

  test('whatever selects pods selects those of one stage', () => {
    const { documents, pods } = release(everything)
    for (const { kind, metadata, spec } of documents) {
      const selector = spec?.selector?.matchLabels ?? (kind === 'Service' ? spec.selector : undefined)
      if (selector === undefined) continue
      const selected = pods.filter(({ metadata: { labels } }) =>
        Object.entries(selector).every(([name, value]) => labels[name] === value),
      )
      equal(selected.length, 1, `${kind} ${metadata.name}`)
      match(selected[0].metadata.owner, new RegExp(`${metadata.name}$`))
    }
  })

  test('autoscaling follows the group and topic of its stage, and then nobody else says how many pods', () => {
    const { documents } = release(secured, {
      restore: { enabled: true, autoscaling: { kind: 'keda' } },
      normalize: { autoscaling: { kind: 'hpa' } },
      config: { 'normalized-topic': 'other' },
    })
    const of = (kind: string) => documents.filter((document) => document.kind === kind)
    for (const { spec } of of('Deployment')) equal('replicas' in spec, false)
    const [{ spec: hpa }] = of('HorizontalPodAutoscaler')
    deepEqual(hpa.scaleTargetRef, { apiVersion: 'apps/v1', kind: 'Deployment', name: 'flights-vgm-normalize' })
    const [{ spec: scaled }] = of('ScaledObject')
    equal(scaled.scaleTargetRef.name, 'flights-vgm-restore')
    const { metadata } = scaled.triggers[0]
    deepEqual(
      [metadata.consumerGroup, metadata.topic, metadata.lagThreshold, metadata.sasl, metadata.tls],
      ['vgm.trips.restore', 'other', '1000000', 'scram_sha256', 'enable'],
    )
    const [{ metadata: authentication, spec }] = of('TriggerAuthentication')
    equal(scaled.triggers[0].authenticationRef.name, authentication.name)
    deepEqual(spec.secretTargetRef.map(({ parameter, name }: Document) => `${parameter}=${name}`).sort(), [
      'ca=kafka-tls',
      'password=kafka-login',
      'username=kafka-login',
    ])
  })

  test('secrets are named, and their files are where the variables say', () => {
    const { pods } = release(everything, secured)
    for (const { spec } of pods) {
      const [{ env, volumeMounts }] = spec.containers
      const paths = env
        .map(({ value = '' }: Document) => value)
        .filter((value: string) => value.startsWith('/etc/vgm/'))
      equal(paths.length, 3)
      for (const path of paths) {
        const mount = volumeMounts.find(({ mountPath }: Document) => path.startsWith(`${mountPath}/`))
        ok(spec.volumes.find(({ name }: Document) => name === mount.name).secret.secretName)
      }
      for (const { name, value } of env) ok(!/(PASSWORD|TOKEN|PASSPHRASE)$/.test(name), `${name}=${value}`)
    }
  })

  test('a job is another one when it is told otherwise, and the same one when others are', () => {
    const jobs = (...pieces: object[]) =>
      release(everything, ...pieces)
        .documents.filter(({ kind }) => kind === 'Job')
        .map(({ metadata }) => metadata.name)
        .sort()
    const [fit, replay] = jobs()
    deepEqual(jobs({ normalize: { replicas: 3 } }), [fit, replay])
    const [fitAfterwards, otherReplay] = jobs({ replay: { model: 4 } })
    equal(fitAfterwards, fit)
    ok(otherReplay !== replay)
    ok(jobs({ fit: { extraArgs: ['--components', '5'] } })[0] !== fit)
  })

  test('alerts come whole, with what Prometheus has to fill in', () => {
    const { documents } = release({
      monitoring: {
        prometheusRule: { enabled: true },
        dashboard: { enabled: true },
        serviceMonitor: { enabled: true },
      },
    })
    const { spec } = documents.find(({ kind }) => kind === 'PrometheusRule')
    deepEqual(spec, parse(readFileSync(join(chart, 'files/alerts.yaml'), 'utf8')))
    const dashboard = documents.find(({ metadata }) => metadata.name.endsWith('-dashboard'))
    equal(JSON.parse(dashboard.data['vgm-stream.json']).title, 'vgm-stream')
    const monitor = documents.find(({ kind }) => kind === 'ServiceMonitor').spec
    const services = documents.filter(({ kind }) => kind === 'Service')
    for (const { metadata, spec: service } of services) {
      for (const [name, value] of Object.entries(monitor.selector.matchLabels)) equal(metadata.labels[name], value)
      equal(service.ports[0].name, monitor.endpoints[0].port)
    }
  })

  test('the policy of the network lets brokers and registry be reached by their ports', () => {
    const { documents } = release({ networkPolicy: { enabled: true } })
    const { spec } = documents.find(({ kind }) => kind === 'NetworkPolicy')
    deepEqual(spec.ingress, [])
    deepEqual(
      spec.egress.flatMap(({ ports }: Document) => ports.map(({ port }: Document) => port)),
      [53, 53, 9092, 443],
    )
  })

  test('refuses what cannot be meant, and says what is missing', () => {
    const refused = (values: object, why: RegExp) => throws(() => release(values), why)
    refused({ dataset: '' }, /dataset: name the data set/)
    refused({ dataset: 'a b' }, /dataset/)
    refused({ kafka: { brokers: '' } }, /kafka\.brokers: give the bootstrap servers/)
    refused({ schemaRegistry: { url: '' } }, /schemaRegistry\.url/)
    refused({ kafka: { securityProtocol: 'SASL_SSL' } }, /mechanism/)
    refused({ kafka: { securityProtocol: 'SASL_SSL', sasl: { mechanism: 'PLAIN' } } }, /kafka\.sasl\.existingSecret/)
    refused({ replay: { enabled: true } }, /replay/)
    refused({ normalize: { autoscaling: { kind: 'hpa', minReplicas: 0 } } }, /hpa keeps one pod/)
    refused({ normalise: { members: 2 } }, /normalise/)
    refused({ normalize: { members: 0 } }, /members/)
  })
})

/** KEDA asks a token endpoint, or takes user and password. */
function tokenWithKeda({ kafka, normalize, restore }: Document): boolean {
  const scales = [normalize, restore].some((stage) => stage.enabled !== false && stage.autoscaling.kind === 'keda')
  return kafka.sasl?.tokenKey !== undefined && scales
}

function validate(documents: readonly Document[]): { faults: string[]; unknown: string[] } {
  const program = join(import.meta.dirname, 'validate.py')
  const options = {
    input: JSON.stringify(documents),
    encoding: 'utf8' as const,
    env: { ...process.env, PYTHONPATH: schemas },
    maxBuffer: 64 * 2 ** 20,
  }
  return JSON.parse(execFileSync('python3', [program, ...kubernetesVersions], options))
}
