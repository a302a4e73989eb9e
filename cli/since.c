/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/since.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAYS_MAX 100000

static int duration_parse(const char *text, int64_t *ret_ms)
{
	static const struct {
		char letter;
		int64_t ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 } };
	unsigned int number = 0;
	char letter = 0;
	char rest = 0;
	size_t i;

	if (!isdigit((unsigned char)*text) || strlen(text) > 8 ||
	    sscanf(text, "%u%c%c", &number, &letter, &rest) != 2) {
		return -EINVAL;
	}
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].letter == letter && number <= DAYS_MAX * (86400000 / units[i].ms)) {
			*ret_ms = (int64_t)number * units[i].ms;
			return 0;
		}
	}
	return -EINVAL;
}

/* All of @text in the form of strptime(). */
static bool form_is(const char *text, const char *form, struct tm *tm)
{
	const char *end = strptime(text, form, tm);

	return end && !*end;
}

int vmha_since_parse(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	static const char *const forms[] = {
		"%H:%M",	  "%H:%M:%S",	       "%Y-%m-%d",	   "%Y-%m-%d %H:%M",
		"%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"
	};
	time_t now = (time_t)(now_ms / 1000);
	size_t len = strlen(text);
	char plain[32];
	int64_t ago = 0;
	bool utc;
	size_t i;

	if (duration_parse(text, &ago) == 0) {
		*ret_ms = now_ms - ago;
		return 0;
	}
	utc = len > 0 && text[len - 1] == 'Z';
	if (len >= sizeof(plain)) {
		return -EINVAL;
	}
	(void)snprintf(plain, sizeof(plain), "%.*s", (int)(len - utc), text);
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { 0 };
		time_t t;

		if (utc) {
			(void)gmtime_r(&now, &tm);
		} else {
			(void)localtime_r(&now, &tm);
		}
		tm.tm_hour = 0;
		tm.tm_min = 0;
		tm.tm_sec = 0;
		if (!form_is(plain, forms[i], &tm)) {
			continue;
		}
		tm.tm_isdst = -1;
		t = utc ? timegm(&tm) : mktime(&tm);
		if (t == (time_t)-1) {
			return -EINVAL;
		}
		*ret_ms = (int64_t)t * 1000;
		return 0;
	}
	return -EINVAL;
}
