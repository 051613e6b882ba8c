// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"bytes"
	"strings"
)

// accounts has, by country, how long an IBAN is: the registry of ISO 13616.
const accounts = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 " +
	"ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 " +
	"LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 " +
	"RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 "

// accountLength returns how long the IBANs are that begin with a and b, 0 if none do.
func accountLength(a, b byte) int {
	if !('A' <= a && a <= 'Z' && 'A' <= b && b <= 'Z') {
		return 0
	}
	i := strings.Index(accounts, string([]byte{a, b}))
	if i < 0 {
		return 0
	}
	return int(accounts[i+2]-'0')*10 + int(accounts[i+3]-'0')
}

// ibans finds numbers of bank accounts whose country, length and check digits
// (ISO 7064, MOD 97-10) are right, in one piece or in fours, in any case.
func ibans(text []byte, found func(from, to int)) {
	for i := 0; i+4 < len(text); i++ {
		if !digit(text[i+2]) || !digit(text[i+3]) {
			continue
		}
		n := accountLength(upper(text[i]), upper(text[i+1]))
		if n == 0 {
			continue
		}
		if to := iban(text[i:], n) + i; to > i && !beside(text, i, to) {
			found(i, to)
			i = to - 1
		}
	}
}

// iban returns where the IBAN of n characters ends that b begins with, 0 if there is none.
func iban(b []byte, n int) (end int) {
	var plain [40]byte
	has := 0
	for i := 0; i < len(b) && has < n; i++ {
		c := upper(b[i])
		switch {
		case digit(c) || 'A' <= c && c <= 'Z':
			plain[has] = c
			has++
			end = i + 1
		case has%4 != 0 || b[i] != ' ' && b[i] != '-' || end != i:
			return 0
		}
	}
	if has < n || mod97(plain[4:n], plain[:4]) != 1 {
		return 0
	}
	return end
}

// mod97 returns the rest of the number that parts are, one after the other, where
// A is 10 and Z is 35.
func mod97(parts ...[]byte) (rest int) {
	for _, p := range parts {
		for _, c := range p {
			if digit(c) {
				rest = (rest*10 + int(c-'0')) % 97
			} else {
				rest = (rest*100 + int(c-'A') + 10) % 97
			}
		}
	}
	return rest
}

// dialled are the country codes of ITU-T E.164, each after a space. What begins
// with one of them is a number of its country.
const dialled = " 1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 " +
	"92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 241 242 " +
	"243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269 290 291 297 298 299 " +
	"350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 379 380 381 382 383 385 386 387 389 420 421 423 " +
	"500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 597 598 599 670 672 673 674 675 676 677 678 679 680 681 " +
	"682 683 685 686 687 688 689 690 691 692 800 808 850 852 853 855 856 870 878 880 881 882 883 886 888 960 961 962 963 964 965 " +
	"966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996 998 "

// Digits of a number in international form: E.164 has at most 15.
const (
	leastPhone = 8
	mostPhone  = 15
)

// phones finds numbers of telephones in international form: a plus sign, a
// country's code, and digits in groups.
func phones(text []byte, found func(from, to int)) {
	for i := 0; ; i++ {
		n := bytes.IndexByte(text[i:], '+')
		if n < 0 {
			return
		}
		i += n
		if to := phone(text[i+1:]) + i + 1; to > i+1 && !beside(text, i, to) && !fraction(text, i, to) {
			found(i, to)
			i = to - 1
		}
	}
}

// phone returns where the number ends that b begins with, 0 if there is none.
func phone(b []byte) (end int) {
	var digits [mostPhone]byte
	has := 0
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case digit(c) && has == mostPhone:
			return 0
		case digit(c):
			digits[has] = c
			has++
			end = i + 1
		case has == 0 || i-end > 1 || !strings.ContainsRune(" -./()", rune(c)):
			i = len(b)
		}
	}
	if has < leastPhone || !called(digits[:]) {
		return 0
	}
	return end
}

// called reports whether digits begin with a country's code.
func called(digits []byte) bool {
	for n := 1; n <= 3; n++ {
		if strings.Contains(dialled, " "+string(digits[:n])+" ") {
			return true
		}
	}
	return false
}
