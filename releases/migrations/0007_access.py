from django.db import migrations, models

import releases.models.token


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0006_retention'),
    ]

    operations = [
        migrations.CreateModel(
            name='IdempotencyKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asker', models.CharField(help_text='a token or a person: nobody gets the answers to others', max_length=40)),
                ('key', models.CharField(max_length=255)),
                ('fingerprint', models.CharField(max_length=64)),
                ('claim', models.CharField(help_text='which of the requests of this name is carried out', max_length=32)),
                ('claimed_at', models.DateTimeField()),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('body', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('asker', 'key'), name='once_per_asker')],
            },
        ),
        migrations.AddField(
            model_name='token',
            name='all_apps',
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name='token',
            name='apps',
            field=models.ManyToManyField(help_text='the only ones it reaches, unless all', related_name='tokens', to='releases.app'),
        ),
        migrations.AddField(
            model_name='token',
            name='scopes',
            field=models.JSONField(default=releases.models.token.every_scope, help_text='what it is good for, in the order of SCOPES'),
        ),
    ]
