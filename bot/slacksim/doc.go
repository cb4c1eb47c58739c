// Package slacksim is a local Slack workspace: the Web API, Socket Mode and a
// web page, with the limits and the faults of the real service on demand.
//
// It is written from Slack's documentation and shares no code with any client
// or bot, since a simulator that shares code with what it tests proves nothing.
// A test or a demo serves a [Workspace] over HTTP, points an app at
// http://host/api/, and then acts as the people ([Workspace.Post],
// [Workspace.Click], …), looks at what they see ([Workspace.Thread], …) and at
// what Slack saw ([Workspace.Calls], [Workspace.Deliveries]), and breaks things
// ([Workspace.Fault], [Workspace.Disconnect], …). It works in a testing/synctest
// bubble over an in-memory listener, since it waits only by timers.
//
// # What is modelled
//
// Pages are under docs.slack.dev. "Seen" marks what Slack does not document and
// users of the live service have reported.
//
//	Web API                 form, multipart and JSON bodies; token in the body or the header; not_authed,
//	                        invalid_auth, not_allowed_token_type, unknown_method. apis/web-api
//	rate limits             by method at the documented tiers, counted in sliding 60 s windows, or more or
//	                        less strictly by [Options].Burst; 429, Retry-After, "ratelimited"; posts 1 a
//	                        second and channel, burst 5 (a guess), 300 a minute (a guess at "several
//	                        hundred"). apis/web-api/rate-limits
//	auth.test, team.info, bots.info, users.info, users.list, api.test
//	                        the fields a bot reads; auth.test is limited to 100 a minute (no number is given)
//	apps.connections.open   a ticket good once within a minute; limited at tier 3, as its page says
//	chat.postMessage        text, blocks, markdown_text, metadata, thread_ts, reply_broadcast; text is cut
//	                        after 40,000 characters; a user id as channel; no_text, is_archived,
//	                        not_in_channel, channel_not_found, markdown_text_conflict, msg_too_long
//	chat.update             4,000 characters; text removes blocks; edited flag; metadata is kept; is_inactive,
//	                        cant_update_message, message_not_found, streaming_state_conflict
//	chat.delete, chat.postEphemeral, reactions.add, reactions.remove
//	blocks                  50; section 3,000, ten fields of 2,000; markdown blocks 12,000 together; 13,200 over all
//	                        (seen); header 150; button text 75, value 2,000 and url 3,000; confirm dialogs; select
//	                        100 options, overflow 5; actions 25, context 10, context_actions 5; one table block,
//	                        and one table of any kind with [Options].OneTable
//	data_visualization      in messages, two of them (seen); every rule of its page; [Workspace.SetCharts] takes it
//	                        away: "unsupported type", as before the roll-out
//	chat.startStream        recipients required and checked outside direct messages; thread_ts required there;
//	                        feature_disabled when switched off; no metadata, blocks or unfurl arguments
//	chat.appendStream       mode lock; chunk shapes; 12,000 characters a call; 11,000 bytes in all (seen:
//	                        10,600 to 12,000), after which no more text is taken; 306 s from the start
//	                        (seen), then message_not_in_streaming_state and state errored;
//	                        stopped_by_user after a person's Stop
//	chat.stopStream         a last piece, blocks below everything, metadata, session_status (checked only)
//	conversations.replies   pages, oldest, latest, inclusive, include_all_metadata; the root comes with every page
//	conversations.history, .info, .members, .open (group direct messages too)
//	assistant.threads.setStatus
//	                        ends with the bot's next message in the thread, or after two minutes
//	files.getUploadURLExternal, the upload, files.completeUploadExternal
//	                        length is checked; one channel by channel_id; see [Workspace.FileContent]
//	views.publish           home views: 100 blocks, 250 KB, hash and hash_conflict; blocks are checked as in messages,
//	                        and must be of those that blocks.json has for Home tabs; see [Workspace.Home]
//	response_url            five uses in 30 minutes; ephemeral, in_channel, replace_original, delete_original;
//	                        invalid_blocks is HTTP 400 and the bare word, as incoming webhooks answer
//	Socket Mode             hello, WebSocket pings, up to ten connections and too_many_websockets, a random
//	                        connection for each payload, disconnect frames, acknowledgements of 20 kB and
//	                        more ignored (seen). apis/events-api/using-socket-mode
//	redelivery              three seconds; then at once, after one minute and after five more, with new envelope
//	                        ids and the same event id; also for events without a connection. apis/events-api
//	events                  message, app_mention, message_changed, message_deleted, file_share, reactions,
//	                        app_home_opened of both tabs, the echo of the bot's own messages and edits; any other by
//	                        [Workspace.Event]
//	agent view              the Stop button and agent_session_stopped, with [Options].AgentView
//	slash commands, block_actions
//	                        three seconds, no redelivery, dispatch_failed; a message in the acknowledgement
//	                        of a command is shown, that of a click is ignored, as Slack does; a click in the
//	                        App Home has the view and no message, channel or response_url
//	Slack Connect           is_ext_shared_channel, user_team and source_team of strangers, is_stranger
//
// # What is not
//
// Scopes and missing_scope; users who are not in a channel; edit windows; attachments, which are accepted and
// dropped; block_mismatch and most rules of Block Kit; the content of files that people post; URLs that Slack
// wraps in <> and rich_text blocks in what people type; unfurling, links and pings by link_names; the exact
// order in which Slack checks arguments; a thread_ts that no message has, which is accepted (Slack's answer
// is not documented); tombstones of deleted roots; modals, shortcuts, inputs in the App Home; agent sessions beyond
// the Stop button; app_rate_limited; the hourly limit of events; other apps and bots.
package slacksim
