# shellcheck shell=bash
# vm conform, vm selftest: plimsoll on this machine and in the guests, as one result.
