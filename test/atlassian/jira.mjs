// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// jira.js as its makers ship it, at work on a Jira site. It checks every response
// against schemas of its own, made from the published specification, and fails
// with the first that does not fit. It reads what it needs to know from its
// standard input, and prints a line for each thing that held.

import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { createCloudClient } from 'jira.js'

const { host, email, apiToken, oauth, account } = JSON.parse(await text(process.stdin))

const held = (what) => console.log(`ok ${what}`)
const open = (auth) => createCloudClient({ host, auth, onSchemaMismatch: 'throw', retry: { maxAttempts: 1 } })
const basic = (token) => open({ type: 'basic', email, apiToken: token })
const doc = (said) => ({ type: 'doc', version: 1, content: [{ type: 'paragraph', content: [{ type: 'text', text: said }] }] })
const refused = (promise, status) => assert.rejects(promise, (err) => err.status === status)

const jira = basic(apiToken)

const me = await jira.myself.getCurrentUser()
assert.equal(me.accountId, account)
assert.equal((await jira.users.getUser({ accountId: account })).displayName, me.displayName)
assert.equal((await jira.userSearch.findUsers({ query: me.displayName })).length, 1)
assert.equal((await jira.userSearch.findAssignableUsers({ project: 'ENG', query: me.displayName })).length, 1)
const may = await jira.permissions.getMyPermissions({ permissions: 'BROWSE_PROJECTS,ADMINISTER', projectKey: 'ENG' })
assert.equal(may.permissions.BROWSE_PROJECTS.havePermission, true)
held('who am I, and who are others')

assert.equal((await jira.projects.getProject({ projectIdOrKey: 'ENG' })).key, 'ENG')
assert.deepEqual((await jira.projects.searchProjects({ keys: ['ENG'] })).values.map((p) => p.key), ['ENG'])
assert.ok((await jira.issueFields.getFields()).some((f) => f.id === 'summary'))
const types = await jira.issues.getCreateIssueMetaIssueTypes({ projectIdOrKey: 'ENG' })
const task = types.issueTypes.find((t) => t.name === 'Task')
const meta = await jira.issues.getCreateIssueMetaIssueTypeId({ projectIdOrKey: 'ENG', issueTypeId: task.id })
assert.ok(meta.fields.some((f) => f.fieldId === 'summary' && f.required))
held('projects, fields and what can be created')

const made = await jira.issues.createIssue({
  fields: { project: { key: 'ENG' }, issuetype: { id: task.id }, summary: 'Watch the queue', description: doc('Day and night.'), labels: ['ops'] },
  properties: [{ key: 'clawea', value: { job: '1' } }],
})
const other = await jira.issues.createIssue({ fields: { project: { key: 'ENG' }, issuetype: { id: task.id }, summary: 'Sleep' } })
let issue = await jira.issues.getIssue({ issueIdOrKey: made.key, fields: ['*all'], expand: 'names,schema,changelog,transitions,editmeta', properties: ['*all'] })
assert.equal(issue.fields.summary, 'Watch the queue')
assert.equal(issue.properties.clawea.job, '1')
await refused(jira.issues.createIssue({ fields: { project: { key: 'ENG' }, issuetype: { id: task.id } } }), 400)
await refused(jira.issues.getIssue({ issueIdOrKey: 'ENG-99' }), 404)
held('issues created and read')

await jira.issues.editIssue({ issueIdOrKey: made.key, notifyUsers: false, fields: { summary: 'Watch it' }, update: { labels: [{ add: 'night' }] }, properties: [{ key: 'clawea', value: { job: '2' } }] })
assert.ok((await jira.issues.getEditIssueMeta({ issueIdOrKey: made.key })).fields.summary)
await jira.issues.assignIssue({ issueIdOrKey: made.key, accountId: account })
const steps = await jira.issues.getTransitions({ issueIdOrKey: made.key, expand: 'transitions.fields' })
await jira.issues.doTransition({ issueIdOrKey: made.key, transition: { id: steps.transitions[0].id }, fields: { duedate: '2026-12-31' } })
issue = await jira.issues.getIssue({ issueIdOrKey: made.key })
assert.deepEqual([issue.fields.summary, issue.fields.status.name, issue.fields.assignee.accountId, issue.fields.labels.join(' ')], ['Watch it', 'In Progress', account, 'night ops'])
const log = await jira.issues.getChangeLogs({ issueIdOrKey: made.key })
assert.equal(log.total, 3)
assert.ok(log.values.every((entry) => entry.author.accountId === account))
const some = await jira.issues.getChangeLogsByIds({ issueIdOrKey: made.key, changelogIds: [Number(log.values[0].id)] })
assert.equal(some.histories.length, 1)
held('issues edited, assigned, moved along the workflow, with their changelog')

assert.deepEqual((await jira.issueProperties.getIssuePropertyKeys({ issueIdOrKey: made.key })).keys.map((k) => k.key), ['clawea'])
await jira.issueProperties.setIssueProperty({ issueIdOrKey: made.key, propertyKey: 'other', body: { a: 1 } })
assert.deepEqual((await jira.issueProperties.getIssueProperty({ issueIdOrKey: made.key, propertyKey: 'other' })).value, { a: 1 })
await jira.issueProperties.deleteIssueProperty({ issueIdOrKey: made.key, propertyKey: 'other' })
await refused(jira.issueProperties.getIssueProperty({ issueIdOrKey: made.key, propertyKey: 'other' }), 404)
held('properties')

const comment = await jira.issueComments.addComment({ issueIdOrKey: made.key, body: doc('On it.'), visibility: { type: 'role', value: 'Administrators' }, properties: [{ key: 'clawea', value: 1 }] })
await jira.issueComments.updateComment({ issueIdOrKey: made.key, id: comment.id, body: { body: doc('Done.') } })
assert.equal((await jira.issueComments.getComment({ issueIdOrKey: made.key, id: comment.id, expand: 'properties' })).body.content[0].content[0].text, 'Done.')
assert.equal((await jira.issueComments.getComments({ issueIdOrKey: made.key, orderBy: '-created' })).total, 1)
assert.deepEqual((await jira.issueCommentProperties.getCommentPropertyKeys({ commentId: comment.id })).keys.map((k) => k.key), ['clawea'])
await jira.issueComments.deleteComment({ issueIdOrKey: made.key, id: comment.id })
held('comments')

assert.ok((await jira.issueLinkTypes.getIssueLinkTypes()).issueLinkTypes.some((t) => t.name === 'Blocks'))
await jira.issueLinks.linkIssues({ type: { name: 'Blocks' }, inwardIssue: { key: made.key }, outwardIssue: { key: other.key } })
issue = await jira.issues.getIssue({ issueIdOrKey: made.key, fields: ['issuelinks'] })
const link = issue.fields.issuelinks[0]
assert.equal(link.outwardIssue.key, other.key)
assert.equal((await jira.issueLinks.getIssueLink({ linkId: link.id })).inwardIssue.key, made.key)
await jira.issueLinks.deleteIssueLink({ linkId: link.id })
const remote = await jira.issueRemoteLinks.createOrUpdateRemoteIssueLink({ issueIdOrKey: made.key, globalId: 'job-1', object: { url: 'https://example.com/job/1', title: 'Job 1' } })
assert.equal((await jira.issueRemoteLinks.getRemoteIssueLinkById({ issueIdOrKey: made.key, linkId: String(remote.id) })).object.title, 'Job 1')
await jira.issueRemoteLinks.deleteRemoteIssueLinkById({ issueIdOrKey: made.key, linkId: String(remote.id) })
held('links')

let found = []
for (let token; ;) {
  const page = await jira.issueSearch.searchAndReconsileIssuesUsingJqlPost({ jql: 'project = ENG ORDER BY key ASC', fields: ['summary', 'issuelinks'], maxResults: 2, nextPageToken: token, reconcileIssues: [Number(made.id)] })
  found = found.concat(page.issues.map((i) => i.key))
  if (page.isLast) break
  token = page.nextPageToken
}
assert.deepEqual(found, ['ENG-1', 'ENG-2', 'ENG-3'])
assert.equal((await jira.issueSearch.searchAndReconsileIssuesUsingJql({ jql: `key = ${made.key}`, fields: ['*all'], expand: 'changelog' })).issues.length, 1)
assert.equal((await jira.issueSearch.countIssues({ jql: 'project = ENG' })).count, 3)
await refused(jira.issueSearch.countIssues({ jql: 'project = ' }), 400)
held('search')

assert.equal((await jira.issues.bulkFetchIssues({ issueIdsOrKeys: found, fields: ['summary'] })).issues.length, 3)
assert.equal((await jira.issues.getBulkChangelogs({ issueIdsOrKeys: [made.key] })).issueChangeLogs.length, 1)
const bulk = await jira.issues.createIssues({ issueUpdates: [{ fields: { project: { key: 'ENG' }, issuetype: { id: task.id }, summary: 'One of many' } }] })
const work = await jira.issueBulkOperations.submitBulkDelete({ selectedIssueIdsOrKeys: [bulk.issues[0].key] })
assert.equal((await jira.issueBulkOperations.getBulkOperationProgress({ taskId: work.taskId })).status, 'COMPLETE')
await jira.issues.deleteIssue({ issueIdOrKey: other.key })
await refused(jira.issues.getIssue({ issueIdOrKey: other.key }), 404)
held('many at once, and deleting')

await refused(basic('another').myself.getCurrentUser(), 401)
const service = open({ type: 'bearer', token: oauth.readerToken })
await refused(service.myself.getCurrentUser(), 401) // access tokens are good at the gateway only
held('credentials')
