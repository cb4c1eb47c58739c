// Command bobbin runs a Slack chatbot that a team hosts itself.
//
// It reads the configuration, wires the packages bot, llm and storage together
// and does nothing else: everything worth embedding lives in those packages.
package main
