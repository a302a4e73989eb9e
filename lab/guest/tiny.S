/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The smallest guest: a boot sector, for machines on which a kernel is too slow (QEMU in QEMU).  About
 * nine times a second it counts, says the count on the serial line (8 digits, new line), and writes a
 * sector with "TINY" and the count to its disk: sector 1 + count % 64.  A failed write is a '!'.
 */
	.code16
	.globl	_start
_start:	ljmp	$0, $begin
begin:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movb	%dl, drive
	sti
again:	incl	count
	movw	$2, %cx			/* two ticks of 18.2 Hz */
tick:	hlt
	loop	tick
	movl	count, %ebx		/* the count in hexadecimal */
	movw	$8, %cx
digit:	roll	$4, %ebx
	movb	%bl, %al
	andb	$15, %al
	addb	$'0', %al
	cmpb	$'9', %al
	jbe	say
	addb	$('a' - '9' - 1), %al
say:	call	put
	loop	digit
	movl	count, %eax		/* the sector */
	movl	%eax, buffer + 4
	movl	$0x594e4954, buffer	/* "TINY" */
	andl	$63, %eax
	incl	%eax
	movl	%eax, packet_lba
	movw	$packet, %si
	movb	drive, %dl
	movw	$0x4300, %ax
	int	$0x13
	jnc	good
	movb	$'!', %al
	call	put
good:	movb	$'\n', %al
	call	put
	jmp	again

put:	pushw	%dx
	pushw	%ax
	movw	$0x3fd, %dx
full:	inb	%dx, %al
	testb	$0x20, %al
	jz	full
	popw	%ax
	movw	$0x3f8, %dx
	outb	%al, %dx
	popw	%dx
	ret

drive:	.byte	0
count:	.long	0
	.balign	4
packet:	.byte	16, 0
	.word	1
	.word	buffer, 0
packet_lba:
	.long	0, 0
	.org	510
	.word	0xaa55
	.set	buffer, 0x8000
